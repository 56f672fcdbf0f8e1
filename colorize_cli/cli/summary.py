"""What became of the photographs of a run, counted as they come."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..imaging.kinds import Kind

if TYPE_CHECKING:
    from ..batch.photo_job import Result

# Failures that the summary lists; the log has them all.
_LISTED_FAILURES = 50


@dataclass
class Tally:
    """What became of the photographs of a run so far.

    Attributes:
        done: Photographs that were colorized.
        skipped: Photographs whose files were all there.
        failed: Photographs and paths that failed.
        passed: Photographs in colour that were left out or copied.
        kinds: How many there were of each kind, of those that were read.
        grey: Photographs of which a sample came out grey.
        alike: Photographs whose samples all look the same.
        warned: Photographs with warnings.
        failures: The first failures, with their reasons.
    """

    done: int = 0
    skipped: int = 0
    failed: int = 0
    passed: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    grey: int = 0
    alike: int = 0
    warned: int = 0
    failures: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, result: "Result") -> None:
        """Count a photograph that was worked on."""
        if result.kind:
            self.kinds[result.kind] += 1
        self.warned += bool(result.warnings)
        if result.reason is not None:
            self.add_failure(result.job.source, result.reason)
        elif result.choice:
            self.done += 1
            self.grey += bool(result.choice.grey)
            self.alike += result.choice.is_alike
        else:
            self.passed += 1

    def add_failure(self, path: Path, reason: str) -> None:
        """Count what failed."""
        self.failed += 1
        if len(self.failures) < _LISTED_FAILURES:
            self.failures.append((path, reason))
