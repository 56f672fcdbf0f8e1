"""The body of `colorize prepare`: sources in, checked shards, tables and statistics out."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path, PurePosixPath

from colorize_cli.errors import UsageError
from colorize_cli.system.cpus import usable_cpus
from colorize_cli.system.messages import Messages
from colorize_cli.system.wording import count_text

from ..data.prepared import (
    MANIFEST,
    PARTS,
    STATISTICS,
    Part,
    manifest_digest,
    shards_of,
)
from .examine import Dropped, Kept, Sizes, examine
from .manifest import write_manifest
from .near_duplicates import NearDuplicates
from .progress import Progress, begun, known_photos, open_tables
from .shard_writer import ShardWriter
from .sources import Candidate, iter_candidates
from .statistics import ab_statistics

_BLOCK = 256  # photographs between two notes of how far it is


@dataclass(frozen=True)
class PrepareOptions:
    """What is asked for.

    Attributes:
        sources: folders, tar shards, CelebA and LFW as they are distributed.
        out: an empty or new folder, or one of a preparation that was stopped.
        sizes: the short sides that photographs may have.
        validation: share of the photographs to validate on, 0 to 1.
        test: share to test on, 0 to 1.
        near: bits of 64 by which the hashes of near-duplicates may differ; -1 keeps all.
        shard_bytes: after which a new shard is begun.
        workers: threads; None for one a core.
    """

    sources: Sequence[Path]
    out: Path
    sizes: Sizes = field(default_factory=Sizes)
    validation: float = 0.02
    test: float = 0.0
    near: int = 3
    shard_bytes: int = 256_000_000
    workers: int | None = None


def run(options: PrepareOptions, messages: Messages) -> None:
    """Prepare photographs, or go on where a preparation was stopped.

    Raises:
        UsageError: sources or settings that make no sense, or no photograph that can be used.
    """
    _check(options)
    settings = {
        "sources": [str(path) for path in options.sources],
        "sizes": asdict(options.sizes),
        "shares": {"validation": options.validation, "test": options.test},
        "near": options.near,
        "shard_bytes": options.shard_bytes,
    }
    if (options.out / MANIFEST).exists():
        raise UsageError(f"{options.out} is prepared: name another --out.")
    candidates = iter_candidates(options.sources)
    first = [*islice(candidates, 1)]  # where there is none, no folder is made
    progress = begun(options.out, settings)
    if progress.looked_at:
        messages.note(f"going on behind {count_text(progress.looked_at, 'photograph')}")
    workers = options.workers or usable_cpus()
    _take_all(options, progress, chain(first, candidates), workers, messages)
    counts = {part: progress.parts.get(part, (0, 0, 0))[2] for part in PARTS}
    if not counts["train"]:
        raise UsageError(f"No photograph can be trained on: {_told(progress.dropped)}.")
    _finish(options, progress, counts, workers, messages)


def _check(options: PrepareOptions) -> None:
    shares = options.validation, options.test
    if min(shares) < 0 or sum(shares) >= 1:
        raise UsageError("the shares to validate and test on are from 0 to below 1 together")
    if not 1 <= options.sizes.smallest <= options.sizes.largest:
        raise UsageError("the smallest short side is at least 1, and at most the largest")
    if not -1 <= options.near <= 15:
        raise UsageError(
            f"near-duplicates differ in 0 to 15 bits, or -1 keeps all; not {options.near}"
        )
    inside = [
        path for path in options.sources if options.out.resolve().is_relative_to(path.resolve())
    ]
    if inside:
        raise UsageError(f"--out lies in the source {inside[0]}: name a folder outside of it.")


def _take_all(
    options: PrepareOptions,
    progress: Progress,
    candidates: Iterator[Candidate],
    workers: int,
    messages: Messages,
) -> None:
    """Examine all candidates that are left, and write those that can be used."""
    with _Taker(options, progress) as taker, ThreadPoolExecutor(workers) as pool:
        rest = islice(candidates, progress.looked_at, None)
        while block := list(islice(rest, _BLOCK)):
            found = pool.map(lambda one: examine(one.data, options.sizes), block)
            for candidate, kept in zip(block, found, strict=True):
                taker.take(candidate, kept)
            taker.note(len(block))
            messages.note(
                f"{count_text(progress.looked_at, 'photograph')} looked at, "
                f"{sum(progress.dropped.values()):,} dropped"
            )


class _Taker:
    """Writes what is kept where it belongs, and notes how far it is."""

    def __init__(self, options: PrepareOptions, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._photos, self._dropped = open_tables(options.out, progress)
        self._photos.position()  # so that a new table can be read
        self._near = NearDuplicates(options.near)
        self._names, self._sources = known_photos(options.out, self._near)
        self._writers = {
            part: self._writer(part, *progress.parts[part][:2]) for part in progress.parts
        }
        self._counts: dict[str, int] = {
            part: progress.parts.get(part, (0, 0, 0))[2] for part in PARTS
        }

    def __enter__(self) -> "_Taker":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._photos.close()
        self._dropped.close()
        for writer in self._writers.values():
            if kind is None:
                writer.close()
            else:
                writer.leave()

    def take(self, candidate: Candidate, kept: Kept | Dropped) -> None:
        """Write a photograph, or why it is dropped."""
        if isinstance(kept, Dropped):
            self._drop(candidate, kept)
            return
        twin = self._near.find(kept.phash)
        if twin is not None:
            self._drop(candidate, Dropped("like another", self._sources[twin]))
            return
        part = candidate.part or self._part_of(candidate.data)
        stem = self._free_stem(candidate.name)
        self._near.add(kept.phash)
        self._names.add(stem)
        self._sources.append(candidate.name)
        if part not in self._writers:
            self._writers[part] = self._writer(part, 0, 0)
        writer, name = self._writers[part], f"{stem}.{kept.suffix}"
        digest = hashlib.sha256(kept.data).hexdigest()
        facts = (kept.width, kept.height, len(kept.data), digest, f"{kept.phash:016x}")
        self._photos.add(name, part, writer.shard, *facts, candidate.name)
        writer.add(name, kept.data)
        self._counts[part] += 1

    def note(self, looked_at: int) -> None:
        """Note that all so far is written."""
        progress = self._progress
        for part, writer in self._writers.items():
            writer.sync()
            progress.parts[part] = writer.shard, writer.position, self._counts[part]
        progress.looked_at += looked_at
        progress.table_bytes = self._photos.position()
        progress.dropped_bytes = self._dropped.position()
        progress.save(self._options.out)

    def _drop(self, candidate: Candidate, why: Dropped) -> None:
        dropped = self._progress.dropped
        dropped[why.reason] = dropped.get(why.reason, 0) + 1
        self._dropped.add(candidate.name, why.reason, why.detail)

    def _writer(self, part: str, shard: int, position: int) -> ShardWriter:
        folder, limit = self._options.out / part, self._options.shard_bytes
        return ShardWriter(folder, limit, shard=shard, position=position)

    def _part_of(self, data: bytes) -> Part:
        """Choose by the content: the same file is in the same part wherever it lies."""
        share = int.from_bytes(hashlib.sha256(data).digest()[:8], "big") / 2**64
        if share < self._options.validation:
            return "validation"
        return "test" if share < self._options.validation + self._options.test else "train"

    def _free_stem(self, name: str) -> str:
        """Name a sample `SET/STEM` without dots, as no other is named."""
        path = PurePosixPath(name)
        folder, *inner = path.parts[:-1]
        stem = re.sub(r"[^\w-]+", "_", "_".join((*inner, path.stem)))
        free, number = f"{re.sub('[.]', '_', folder)}/{stem}", 1
        while free in self._names:
            number += 1
            free = f"{folder}/{stem}-{number}"
        return free


def _finish(
    options: PrepareOptions,
    progress: Progress,
    counts: Mapping[Part, int],
    workers: int,
    messages: Messages,
) -> None:
    """Measure the statistics, write the manifest, and say what there is."""
    out = options.out
    messages.note("measuring the colours")
    with messages.progress(counts["train"]) as bar:
        statistics = ab_statistics(sorted((out / "train").glob("*.tar")), workers, bar.advance)
    statistics.save(out / STATISTICS)
    write_manifest(out, progress.settings, counts, progress.dropped, statistics)
    shards = {part: len(shards_of(out, part)) for part in PARTS if counts[part]}
    listed = ", ".join(
        f"{counts[part]:,} in {part} ({count_text(number, 'shard')})"
        for part, number in shards.items()
    )
    messages.note(f"{out}: {listed}; dropped: {_told(progress.dropped)}")
    messages.note(f"manifest {manifest_digest(out)[:12]}; colorize train --data {out}")


def _told(dropped: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items()) or "none"
