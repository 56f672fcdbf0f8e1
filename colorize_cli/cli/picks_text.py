"""What is said of picks that were taken, or taken back."""

from pathlib import Path

from ..batch.picks.choose import Picked
from ..batch.picks.undo import Undone
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text


def tell_picked(messages: Messages, to: Path, picked: Picked) -> None:
    """Say what was put into a folder, what was not and why, and how many have no pick."""
    for photo, why in picked.problems:
        messages.failure(Path(photo), why)
    _tell_what_stays(messages, picked.earlier)
    if picked.altered:
        count = count_text(len(picked.altered), "colouring")
        messages.warn(f"{count} taken as altered since: {shown(picked.altered[0])} among them")
    kinds = (
        (picked.linked, "linked"),
        (picked.copied, "copied"),
        (picked.there, "there already"),
        (len(picked.problems), "not taken"),
    )
    total = sum(count for count, _ in kinds)
    parts = [f"{count:,} {what}" for count, what in kinds if count]
    if picked.earlier.removed:
        parts.append(f"{picked.earlier.removed:,} of earlier taken back")
    messages.note(f"{count_text(total, 'pick')}{': ' * bool(parts)}{', '.join(parts)}; {shown(to)}")
    if picked.linked:
        messages.note(
            "what is linked is one file with two names: who edits it in place edits the colouring "
            "too (--copy)"
        )
    if picked.without:
        messages.note(f"{count_text(len(picked.without), 'photo')} without a pick")
    if picked.failed:
        messages.note(f"{count_text(len(picked.failed), 'photo')} without a colouring: they failed")


def tell_undone(messages: Messages, to: Path, undone: Undone) -> None:
    """Say what was taken back, and what stays."""
    _tell_what_stays(messages, undone)
    gone = f", {undone.gone:,} had gone before" if undone.gone else ""
    messages.note(f"{count_text(undone.removed, 'file')} taken back from {shown(to)}{gone}")


def _tell_what_stays(messages: Messages, undone: Undone) -> None:
    for path in undone.altered:
        messages.warn(f"stays: {shown(path)} was altered since it was put there")
    for path in undone.last:
        messages.warn(f"stays: {shown(path)}, whose colouring is gone or was made again")
