"""A panel over the live stream: do its judges still agree, and has one of them moved?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, median

from agents.judges.calibration.drift.alpha import ordinal_alpha
from agents.judges.calibration.drift.pagehinkley import Direction, PageHinkley
from agents.judges.calibration.metrics.kappa import weighted_kappa
from schemas.record import Part, Record


class JudgeWatch(Part):
    """One judge against the rest of its panel, over the window.

    `kappa` is quadratic-weighted, against the median of the other judges: against the panel's own
    median a judge would partly be measured by itself. `offset` is its mean distance from that
    median in points. `moved` says which way `offset` has gone for good since the watch began.
    """

    turns: int
    mean: float | None
    kappa: float | None
    offset: float | None
    moved: Direction


class WatchFigures(Part):
    """The panel over the window: ordinal alpha of all, and each judge."""

    turns: int
    alpha: float | None
    judges: dict[str, JudgeWatch]


class PanelWatch(Record):
    """What is remembered of a panel: the last scores and a drift test for each judge.

    It is a value: `add` returns the next one, and `to_bytes` and `from_bytes` keep it in a table.
    It remembers `window` turns, and a verdict costs a few microseconds where many are added at
    once; `figures` does the counting.
    """

    window: int = 200
    scores: dict[str, dict[str, float]] = {}
    tests: dict[str, PageHinkley] = {}

    def add(self, turn_id: str, scores: Mapping[str, float]) -> PanelWatch:
        """Return the watch after a verdict: each judge's `overall` on a turn.

        A turn that comes again, as it does when a late judgement revises its verdict, is brought
        up to date; only judges that are new to it count towards drift. One that has left the
        window counts as new.
        """
        return self.add_all([(turn_id, scores)])

    def add_all(self, verdicts: Iterable[tuple[str, Mapping[str, float]]]) -> PanelWatch:
        """Return the watch after several verdicts, as `add` of one after the other."""
        kept = dict(self.scores)
        offsets: dict[str, list[float]] = {}
        for turn_id, scores in verdicts:
            before = kept.get(turn_id, {})
            kept[turn_id] = {**before, **scores}
            while len(kept) > self.window:
                del kept[next(iter(kept))]
            for judge, score in scores.items():
                others = [other for name, other in scores.items() if name != judge]
                if judge not in before and others:
                    offsets.setdefault(judge, []).append(score - median(others))
        tests = dict(self.tests)
        for judge, values in offsets.items():
            tests[judge] = tests.get(judge, PageHinkley()).add_all(values)
        return self.model_copy(update={"scores": kept, "tests": tests})

    def settled(self, judge: str) -> PanelWatch:
        """Return the watch with a judge's drift test begun anew, as after a calibration."""
        tests = {name: test for name, test in self.tests.items() if name != judge}
        return self.model_copy(update={"tests": tests})

    def figures(self) -> WatchFigures:
        """Return the figures over the window."""
        names = sorted({name for scores in self.scores.values() for name in scores})
        return WatchFigures(
            turns=len(self.scores),
            alpha=ordinal_alpha(list(scores.values()) for scores in self.scores.values()),
            judges={name: self._judge(name) for name in names},
        )

    def _judge(self, judge: str) -> JudgeWatch:
        own, rest = [], []
        given = [scores for scores in self.scores.values() if judge in scores]
        for scores in given:
            others = [score for name, score in scores.items() if name != judge]
            if others:
                own.append(scores[judge])
                rest.append(float(median(others)))
        return JudgeWatch(
            turns=len(given),
            mean=fmean(scores[judge] for scores in given) if given else None,
            kappa=weighted_kappa(own, rest),
            offset=fmean(own) - fmean(rest) if own else None,
            moved=self.tests.get(judge, PageHinkley()).moved,
        )
