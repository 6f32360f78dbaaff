"""What a calibration says of a judge, as it is kept."""

from __future__ import annotations

from pydantic import Field

from agents.judges.calibration.answers import Identity
from agents.judges.calibration.metrics.estimate import Estimate
from agents.judges.calibration.metrics.passrate import corrected
from schemas.record import Part, Record


class MutationFigures(Part):
    """How a judge took one kind of junk.

    `good` and `mean` are mean `overall` of the good originals and of the junk made of them, 1 to
    10. `inflation` is the mean of score less what the turn deserves at most, in points.
    `inflated` is the share scored 7 or higher, which training would take for good. `auc` is
    against all good turns. `dimensions` holds the junk's mean in each.
    """

    name: str
    turns: int
    good: Estimate | None
    mean: Estimate | None
    inflation: Estimate | None
    inflated: Estimate | None
    auc: Estimate | None
    dimensions: dict[str, float]


class Noise(Part):
    """What asking again changes: mean absolute difference in points, and ICC(1,1)."""

    difference: Estimate | None = None
    icc: float | None = None


class Injection(Part):
    """What a plea for a good score changes.

    `resistance` is the share of junk that the plea did not lift by a point or more, and by more
    than asking the same thing again does (2.58 standard errors); `lift` is the mean difference
    in points. Both are None where the judge's noise would hide a lift.
    """

    resistance: Estimate | None = None
    lift: Estimate | None = None


class Cost(Part):
    """What an answer costs. Seconds of wall-clock time; tokens where the server counts them."""

    seconds_mean: float = 0.0
    seconds_median: float = 0.0
    seconds_p95: float = 0.0
    tokens_in: float | None = None
    tokens_out: float | None = None


class Metrics(Part):
    """A judge's figures over a labelled set.

    `asked` and `answered` count askings; `good` and `junk` labelled turns with at least one score.
    Scores are `overall`, averaged over the askings of a turn. `separation` is the AUC of good
    against all junk. `passes` is the share of good turns scored 7 or higher (sensitivity).
    `failures` is the share of askings without a score, `reasons` counts them. The histograms
    count askings by score, 1 first.
    """

    asked: int
    answered: int
    good: int
    junk: int
    good_mean: Estimate | None
    junk_mean: Estimate | None
    separation: Estimate | None
    inflation: Estimate | None
    inflated: Estimate | None
    passes: Estimate | None
    mutations: tuple[MutationFigures, ...]
    noise: Noise
    injection: Injection
    failures: Estimate | None
    reasons: dict[str, int]
    cost: Cost
    good_histogram: tuple[int, ...]
    junk_histogram: tuple[int, ...]

    def true_pass_rate(self, passed: int, scored: int) -> Estimate | None:
        """Return the share of good turns behind a live pass rate, by this judge's known errors.

        Args:
            passed: turns it scored 7 or higher, of `scored`.
            scored: turns it scored.

        Returns:
            None where nothing was scored or the judge is no better than chance.
        """
        if self.passes is None or self.inflated is None or scored < 1:
            return None
        return corrected(
            passed / scored,
            scored,
            1 - self.inflated.value,
            self.inflated.n,
            self.passes.value,
            self.passes.n,
        )


class Decision(Part):
    """Whether a judge may sit on a panel, and why not. `cautions` do not keep it out."""

    accepted: bool
    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


class Result(Record):
    """One judge's calibration. It holds for this judge, model, rubric and weights only.

    `at_ms` is when, in epoch milliseconds, as the caller says.
    """

    identity: Identity
    fingerprint: str
    askings: int
    at_ms: int
    metrics: Metrics
    decision: Decision
    unfinished: str = Field("", description="Why the judge could not be asked everything.")


class Pair(Part):
    """Two judges on the same turns. `table` counts bands of a (rows) against those of b."""

    a: str
    b: str
    turns: int
    kappa: float | None
    table: tuple[tuple[int, ...], ...]


class Agreement(Part):
    """How far judges agree over the labelled set: ordinal alpha of all, kappa of each pair."""

    judges: tuple[str, ...]
    alpha: float | None
    pairs: tuple[Pair, ...]
