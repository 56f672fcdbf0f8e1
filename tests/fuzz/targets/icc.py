"""Fuzz the reader of ICC profiles: any bytes have an answer."""

import sys

import atheris

with atheris.instrument_imports(include=["colorize_cli.photos"]):
    from colorize_cli.photos import icc

import warnings

warnings.simplefilter("error")


def test_one_input(data: bytes) -> None:
    """Ask a profile for all that is asked of one."""
    icc.name_of(data)
    icc.misfit(data)
    table = icc.grey_levels(data, 256)
    assert table is None or table.shape == (256,)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
