"""The end of the gate: decide, and write down what was decided and why."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import Gate
from trainer.gate.decide import decide
from trainer.gate.decision import Decision
from trainer.gate.gather import Unfinished, gather
from trainer.gate.job import DECISION, EVIDENCE, REPORT
from trainer.gate.lines import put
from trainer.gate.report import render

__all__ = ["Unfinished", "conclude"]


def conclude(folder: Path, rules: Gate) -> Decision:
    """Decide by what is in the gate's folder; write evidence.json, decision.json and report.html.

    It may be called again: the same files and rules give the same decision.

    Raises:
        Unfinished: the models have not been measured, or the judges not been asked.
        OSError: the folder can't be written.
    """
    evidence = gather(folder)
    decision = decide(evidence, rules)
    put(folder / EVIDENCE, evidence.model_dump_json(indent=2).encode() + b"\n")
    put(folder / REPORT, render(folder, evidence, decision).encode())
    put(folder / DECISION, decision.model_dump_json(indent=2).encode() + b"\n")
    return decision
