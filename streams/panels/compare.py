"""Two panels on the same turns: which change class, why, and how far the panels agree."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from agents.judges.calibration.drift.alpha import ordinal_alpha
from agents.judges.calibration.metrics.kappa import weighted_kappa
from streams.panels.classes import CLASSES, Class, Said, why


@dataclass(frozen=True, slots=True)
class Change:
    """A turn that is in another class under the second panel."""

    turn_id: str
    before: Class
    after: Class
    overall_before: float | None
    overall_after: float | None
    why: tuple[str, ...]


@dataclass(slots=True)
class Comparison:
    """The figures over all turns that both panels have a verdict on.

    Args:
        a: the first panel's label.
        b: the second one's.
    """

    a: str
    b: str
    only_a: int = 0
    only_b: int = 0
    table: Counter[tuple[Class, Class]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    _scores_a: array[float] = field(default_factory=lambda: array("d"))
    _scores_b: array[float] = field(default_factory=lambda: array("d"))
    _judges_a: Counter[tuple[int, ...]] = field(default_factory=Counter)
    _judges_b: Counter[tuple[int, ...]] = field(default_factory=Counter)

    def take(self, turn_id: str, a: Said | None, b: Said | None) -> None:
        """Take in what the panels say of a turn; None where one says nothing."""
        if a is None or b is None:
            self.only_a += b is None and a is not None
            self.only_b += a is None and b is not None
            return
        self.table[a.kind, b.kind] += 1
        if a.kind != b.kind:
            self.changes.append(Change(turn_id, a.kind, b.kind, a.overall, b.overall, why(a, b)))
        for said, judges in ((a, self._judges_a), (b, self._judges_b)):
            judges[tuple(sorted(score for score in said.scores.values() if score))] += 1
        if a.overall is not None and b.overall is not None:
            self._scores_a.append(a.overall)
            self._scores_b.append(b.overall)

    @property
    def turns(self) -> int:
        """How many turns both have a verdict on."""
        return sum(self.table.values())

    @property
    def same(self) -> int:
        """How many of them are in the same class."""
        return sum(self.table[kind, kind] for kind in CLASSES)

    @property
    def scored(self) -> int:
        """How many of them have a median from both."""
        return len(self._scores_a)

    def class_kappa(self) -> float | None:
        """Return Cohen's kappa of the classes: 1 is full agreement, 0 is chance. Skipped turns,
        which no panel decides, are left out. None where chance alone would agree fully."""
        counts = {pair: n for pair, n in self.table.items() if "skipped" not in pair}
        total = sum(counts.values())
        if not total:
            return None
        seen = sum(counts.get((kind, kind), 0) for kind in CLASSES) / total
        of_a, of_b = Counter[str](), Counter[str]()
        for (first, second), count in counts.items():
            of_a[first] += count
            of_b[second] += count
        chance = sum(of_a[kind] * of_b[kind] for kind in CLASSES) / total**2
        return None if chance >= 1 else (seen - chance) / (1 - chance)

    def score_kappa(self) -> float | None:
        """Return the quadratic-weighted kappa of the medians, where both have one."""
        return weighted_kappa(self._scores_a, self._scores_b)

    def judges_alpha(self) -> tuple[float | None, float | None]:
        """Return Krippendorff's ordinal alpha between the judges of each panel."""
        return ordinal_alpha(_units(self._judges_a)), ordinal_alpha(_units(self._judges_b))


def _units(counts: Counter[tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    repeated: Iterable[Iterable[tuple[int, ...]]] = (
        (scores for _ in range(count)) for scores, count in sorted(counts.items())
    )
    return chain.from_iterable(repeated)
