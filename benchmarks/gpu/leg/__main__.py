"""Train on a GPU that is lent for 15 minutes and reached by calls that copy at most 64 MiB.

    python -m benchmarks.gpu.leg pack --data SHARD... --held-out PATH
    python -m benchmarks.gpu.leg plan                 # the calls, with the commands to run there
    python -m benchmarks.gpu.leg join FOLDER --out runs/leg-1 --record
    python -m benchmarks.gpu.leg rehearse --minutes 1 # all of it, on the CPU

`receive K` and `train` are what the calls run on the machine. See benchmarks/gpu.md.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from colorize_cli.errors import ColorizeError, UsageError

from .calls import MANIFEST, PACKED, call_bytes, calls_of, plan_lines
from .machine import INFO, TrainOptions, receive, train, warm


def main() -> None:
    """Do what the command line says."""
    options = _parser().parse_args()
    verb: Callable[[argparse.Namespace], None] = options.verb
    verb(options)


def _pack(options: argparse.Namespace) -> None:
    from ...page import ROOT
    from .pack import making_room, pack

    pack(options.data, options.held_out, ROOT / PACKED, options.python, options.backbone)
    print(making_room(), end="\n\n")
    _plan(options)


def _plan(options: argparse.Namespace) -> None:
    from ...page import ROOT

    manifest = ROOT / PACKED / MANIFEST
    if not manifest.is_file():
        raise UsageError(f"{PACKED} holds nothing: pack it first.")
    calls = calls_of(json.loads(manifest.read_text()), options.seconds)
    for line in plan_lines(calls, [call_bytes(call, ROOT, ROOT) for call in calls]):
        print(line)


def _receive(options: argparse.Namespace) -> None:
    receive(options.call)


def _train(options: argparse.Namespace) -> None:
    train(
        TrainOptions(
            seconds=options.seconds,
            device=options.device,
            photos=options.photos,
            views=options.views,
            judged=options.judged,
            workers=options.workers,
            compile=not options.no_compile,
            overrides=tuple(options.set),
        )
    )


def _warm(options: argparse.Namespace) -> None:
    warm(TrainOptions(device=options.device, photos=options.photos, compile=not options.no_compile))


def _join(options: argparse.Namespace) -> None:
    from ...page import ROOT
    from ..page import append
    from .parts import join_run
    from .record import curve, curve_table, leg_section

    for path in join_run(options.folder, options.out):
        print(path)
    entries = curve(options.out)
    print(curve_table(entries))
    if options.record:
        info = json.loads((options.out / INFO).read_text(encoding="utf-8"))
        append(ROOT / "benchmarks" / "gpu.md", leg_section(info, entries))


def _rehearse(options: argparse.Namespace) -> None:
    from ...page import ROOT
    from ..page import append
    from .record import rehearsal_section
    from .rehearsal import Rehearsal, rehearse

    if bool(options.data) != bool(options.held_out):
        raise UsageError("--data and --held-out go together.")
    settings = Rehearsal(
        options.minutes, options.python, options.data, options.held_out, options.judged
    )
    section = rehearsal_section(rehearse(settings))
    print(f"\n{section}")
    if options.record:
        append(ROOT / "benchmarks" / "gpu.md", section)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu.leg", description=(__doc__ or "").splitlines()[0]
    )
    verbs = parser.add_subparsers(required=True)

    pack = verbs.add_parser("pack", help="fill runs/leg with what the calls carry")
    _add_data(pack, required=True)
    pack.add_argument("--backbone", type=Path, help="ImageNet weights for a perceptual loss")
    pack.add_argument("--python", default="3.12", help="version of the machine's Python")
    pack.set_defaults(verb=_pack)
    plan = verbs.add_parser("plan", help="print the calls")
    for verb in (pack, plan):
        verb.add_argument("--seconds", type=float, default=TrainOptions.seconds, help="of training")
    plan.set_defaults(verb=_plan)

    there = verbs.add_parser("receive", help="there: check what a call brought")
    there.add_argument("call", type=int)
    there.set_defaults(verb=_receive)
    warm = verbs.add_parser("warm", help="there: take first steps while shards are on their way")
    _add_device(warm)
    warm.set_defaults(verb=_warm)
    _add_train(verbs.add_parser("train", help="there: train, and send out the weights"))

    join = verbs.add_parser("join", help="make a run of what came back")
    join.add_argument("folder", type=Path)
    join.add_argument("--out", type=Path, required=True, help="folder of the run")
    join.set_defaults(verb=_join)
    rehearse = verbs.add_parser("rehearse", help="do all of it on the CPU")
    _add_data(rehearse, required=False)
    rehearse.add_argument("--minutes", type=float, default=1.0, help="of training")
    rehearse.add_argument("--judged", type=int, default=96, help="validation photos, at most")
    rehearse.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="what plays the machine's"
    )
    rehearse.set_defaults(verb=_rehearse)
    for verb in (join, rehearse):
        verb.add_argument("--record", action="store_true", help="add a section to gpu.md")
    return parser


def _add_data(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--data", type=Path, nargs="+", default=(), required=required, help="tar shards"
    )
    parser.add_argument(
        "--held-out", type=Path, required=required, help="photos to judge by: the tune half"
    )


def _add_train(parser: argparse.ArgumentParser) -> None:
    own = TrainOptions()
    _add_device(parser)
    parser.add_argument("--seconds", type=float, default=own.seconds)
    parser.add_argument("--views", type=int, default=own.views, help="noise levels of each")
    parser.add_argument("--judged", type=int, default=own.judged, help="validation photos")
    parser.add_argument("--workers", type=int, default=own.workers, help="threads")
    parser.add_argument("--set", action="append", default=[], help="change of the recipe")
    parser.set_defaults(verb=_train)


def _add_device(parser: argparse.ArgumentParser) -> None:
    own = TrainOptions()
    parser.add_argument("--device", choices=("cuda", "cpu"), default=own.device)
    parser.add_argument("--photos", type=int, default=own.photos, help="a step")
    parser.add_argument("--no-compile", action="store_true")


if __name__ == "__main__":
    try:
        main()
    except ColorizeError as error:
        sys.exit(f"benchmarks.gpu.leg: {error}")
