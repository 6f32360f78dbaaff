"""Judges: who scores turns, by what rules, over which wires."""

from agents.judges.contract import Judge, JudgeUnavailable

__all__ = ["Judge", "JudgeUnavailable"]
