"""A whole calibration: ask, measure, decide, keep, and write it down for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.judges.calibration.gate import decide
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.measure import agreement, measure
from agents.judges.calibration.result import Agreement, Result
from agents.judges.calibration.runner import PATIENCE, Progress, run
from agents.judges.calibration.store import save_result
from agents.judges.contract import Judge
from schemas.settings import Calibration

RESULTS = "results"
ANSWERS = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of a calibration. `page` is for a person, `report` the same as JSON."""

    results: tuple[Result, ...]
    agreement: Agreement
    page: Path
    report: Path


async def calibrate(
    judges: Sequence[Judge],
    labelled: LabelledSet,
    folder: Path,
    *,
    at_ms: int,
    thresholds: Calibration | None = None,
    askings: int = 2,
    digests: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    patience: float = PATIENCE,
) -> Calibrated:
    """Calibrate judges over a labelled set and write what came of it below a folder.

    Killed and started again with the same arguments, it asks nothing that it has an answer to.

    Args:
        judges: who is calibrated; agreement is between these.
        labelled: the set.
        folder: gets `answers.jsonl`, `report.json`, `report.html`, the plots, and a file for each
            judge below `results`.
        at_ms: when this is, epoch milliseconds; it dates the results.
        thresholds: what a judge must show; the defaults where None.
        askings: how often each item is put to a judge; two and more measure its noise.
        digests: what each judge's server says its weights are, by the judge's name.
        progress: called after each answer.
        patience: seconds a judge may be down before the others are reported without it.

    Raises:
        ValueError: two judges have one name, or `askings` is below 1.
        OSError: the folder cannot be written.
    """
    # matplotlib alone takes half a second to load: the running line never gets here.
    from agents.judges.calibration.report import write_report

    asked = await run(
        judges,
        labelled,
        folder / ANSWERS,
        askings=askings,
        digests=digests,
        progress=progress,
        patience=patience,
    )
    results = []
    for judge in judges:
        metrics = measure(labelled, asked.answers[judge.name])
        unfinished = asked.unfinished.get(judge.name, "")
        result = Result(
            identity=asked.identities[judge.name],
            fingerprint=labelled.fingerprint,
            askings=askings,
            at_ms=at_ms,
            metrics=metrics,
            decision=decide(metrics, thresholds or Calibration(), unfinished),
            unfinished=unfinished,
        )
        save_result(folder / RESULTS, result)
        results.append(result)
    shared = agreement(labelled, asked.answers)
    page, report = write_report(folder, labelled, results, shared, thresholds or Calibration())
    return Calibrated(tuple(results), shared, page, report)
