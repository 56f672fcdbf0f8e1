"""The body of `colorize study make`: photographs become pairs, shown in no order that tells."""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import EXIT_FAILED, EXIT_OK, ImageError, UsageError
from ..model.bundle import load_bundle
from ..model.colorizer import Colorizer, choose_device
from ..model.view import SizeChoice
from ..system.files import NO_MORE_FILES, make_folders, write_atomic
from ..system.messages import Messages
from ..system.paths import absolute, quoted, shown
from ..system.wording import count_text
from . import pictures
from .design import (
    PICTURES,
    Pair,
    Protocol,
    Role,
    Study,
    read_unfinished,
    write_study,
)
from .photographs import (
    Photograph,
    find,
    look_at,
    name_of,
    read_truth,
    reason_without_option,
    roles_of,
    set_of,
)
from .wishes import Wishes, protocol_of


@dataclass(frozen=True)
class MakeOptions:
    """What a study is made of.

    Attributes:
        truth: folder of colour photographs.
        out: folder of the study.
        wishes: the protocol, as far as it is given.
        limit: photographs to take at most.
        seed: of the colourings, and of which photograph is for what.
        model: name or path of a bundle.
        device: by name, or "auto".
        size: at which photos are seen; the model's own if None.
        steps: of denoising; the model's own if None.
    """

    truth: Path
    out: Path
    wishes: Wishes
    limit: int | None = None
    seed: int = 0
    model: str = "default"
    device: str = "auto"
    size: SizeChoice | None = None
    steps: int | None = None


def run(options: MakeOptions, messages: Messages) -> int:
    """Make a study, or go on with one that was stopped.

    Returns:
        The exit code: 1 where photographs could not be read.

    Raises:
        UsageError: There are too few photographs, or the folder holds something else.
        ModelError: The model cannot be used.
        DeviceError: The device cannot run it.
    """
    _check_out(options)
    bundle = load_bundle(options.model)
    device = choose_device(options.device, bundle, messages.note)
    colorizer = Colorizer(
        bundle, device, size=options.size, steps=options.steps, note=messages.note
    )
    sources, failed = find(options.truth, options.out, options.seed, messages)
    taken, left_out = look_at(sources, options.wishes.side, options.limit, messages)
    wrong = sum(photo.can_be_wrong for photo in taken)
    protocol = protocol_of(options.wishes, len(taken), wrong)
    study = Study(_salt(options.out), _now(), protocol, _model_facts(options, colorizer))
    make_folders(options.out / PICTURES)
    write_study(options.out, study)
    pairs = _pairs(taken, options, study, colorizer, messages, left_out)
    for name, reason in left_out.items():
        messages.warn(f"left out {name}: {reason}")
    whole = replace(
        study,
        protocol=_as_far_as(protocol, pairs),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.id)),
        left_out=left_out,
        is_whole=True,
    )
    write_study(options.out, whole)
    _delete_others(options.out / PICTURES, whole)
    missing = failed + len(taken) - len(pairs)
    _tell(whole, options.out, missing, messages)
    return EXIT_FAILED if missing else EXIT_OK


def _model_facts(options: MakeOptions, colorizer: Colorizer) -> dict[str, Any]:
    """Say what makes the colourings, all that decides them included."""
    return {
        "name": colorizer.bundle.name,
        "digest": colorizer.bundle.digest,
        "seed": options.seed,
        "steps": colorizer.family.steps,
        "size": options.size,
        "device": colorizer.device.description,
        "version": __version__,
    }


def _salt(out: Path) -> str:
    """Draw a salt, or take that of the study which was begun there: its pictures serve again."""
    begun = read_unfinished(out) if out.is_dir() else None
    return begun.salt if begun else secrets.token_hex(16)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _as_far_as(protocol: Protocol, pairs: Sequence[Pair]) -> Protocol:
    """Ask for no more pairs than could be made; fewer to catch would be another rule."""
    count = Counter(pair.role for pair in pairs)
    comparisons = min(protocol.comparisons, count["comparison"])
    if not comparisons:
        raise UsageError("not one photograph could be coloured: there is nothing to compare.")
    if count["catch"] < protocol.catches:
        raise UsageError(
            f"only {count['catch']} of {count_text(protocol.catches, 'pair')} to catch could be "
            "made: run the same `make` again, which takes other photographs for those left out."
        )
    return replace(
        protocol,
        comparisons=comparisons,
        practice=min(protocol.practice, count["practice"]),
        repeats=min(protocol.repeats, comparisons),
    )


def _delete_others(folder: Path, study: Study) -> None:
    """Delete what a run of other settings, which was stopped, has left among the pictures."""
    names = {name for pair in study.pairs for name in (pair.truth, pair.other)}
    for path in folder.iterdir():
        if path.name not in names:
            with suppress(OSError):
                path.unlink()


def _tell(study: Study, out: Path, missing: int, messages: Messages) -> None:
    protocol = study.protocol
    messages.note(
        f"study: {shown(out)}, {count_text(len(study.of_role('comparison')), 'pair')} to compare; "
        f"a rater sees {count_text(protocol.trials, 'pair')}: {protocol.practice} for practice, "
        f"{protocol.comparisons} to compare, {protocol.catches} to catch, {protocol.repeats} again"
    )
    messages.note(
        f"whose answers count: who finds {protocol.catches_right} or more of the "
        f"{protocol.catches} in plainly wrong colour; of those who toss a coin "
        f"{100 * protocol.coin_passes:.1f}% would"
    )
    messages.note(f"next: colorize study run {quoted(out)}")
    if missing:
        messages.warn(
            f"the study can be run, without {count_text(missing, 'file')} that could not be read "
            "or coloured, as said above: exit code 1"
        )


def _check_out(options: MakeOptions) -> None:
    out, truth = options.out, options.truth
    if not truth.is_dir():
        raise UsageError(f"{shown(truth)} is no folder: name one with colour photographs.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{shown(out)} is a file: name a folder for the study.")
    if absolute(out) == absolute(truth) or (out.is_dir() and out.samefile(truth)):
        raise UsageError(f"{shown(out)} is the folder of the photographs: name another one.")
    study = read_unfinished(out) if out.is_dir() else None
    if study and study.is_whole:
        raise UsageError(f"{shown(out)} holds a study already: name another folder.")
    if study is None and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{shown(out)} is not empty: name a new folder for the study.")


def _pairs(
    taken: Sequence[Photograph],
    options: MakeOptions,
    study: Study,
    colorizer: Colorizer,
    messages: Messages,
    left_out: dict[str, str],
) -> list[Pair]:
    """Make the pictures of all pairs that are not there yet; what fails is noted as left out."""
    pairs = []
    with messages.progress(len(taken)) as progress:
        for photo, role, is_wrong in roles_of(taken, study.protocol):
            try:
                pairs.append(_pair(photo, role, is_wrong, options, study, colorizer))
            except (ImageError, OSError) as error:
                if isinstance(error, OSError) and error.errno in NO_MORE_FILES:
                    raise
                left_out[name_of(photo.source)] = reason_without_option(error)
            progress.advance()
    return pairs


def _pair(
    photo: Photograph,
    role: Role,
    is_wrong: bool,
    options: MakeOptions,
    study: Study,
    colorizer: Colorizer,
) -> Pair:
    def opaque(what: str) -> str:
        decisive = [study.salt, photo.sha256, what, is_wrong, study.protocol.side, study.model]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:32]

    names = f"{opaque('truth')}.png", f"{opaque('other')}.png"
    truth, other = (options.out / PICTURES / name for name in names)
    if not (truth.exists() and other.exists()):
        read = read_truth(photo.source)
        if read.digest.hex() != photo.sha256:
            raise ImageError("it was changed meanwhile")
        small = pictures.shown(read.pixels, study.protocol.side)
        if is_wrong:
            beside = pictures.wrong_colours(small)
        else:
            (colouring,) = colorizer.paint(read, 1, options.seed)
            beside = pictures.shown(colouring, study.protocol.side)
        write_atomic(truth, pictures.encode(small))
        write_atomic(other, pictures.encode(beside))
    name, of_set = name_of(photo.source), set_of(photo.source)
    return Pair(opaque("pair"), role, is_wrong, of_set, name, photo.sha256, *names)
