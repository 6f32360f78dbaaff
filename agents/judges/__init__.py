"""Judges: who scores turns, by what rules, over which wires."""

from agents.judges.contract import Judge, JudgeUnavailable
from agents.judges.factory import make_judge

__all__ = ["Judge", "JudgeUnavailable", "make_judge"]
