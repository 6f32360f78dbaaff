"""The built-in judge family that needs no model."""

from agents.judges.signals.judge import RUBRIC, SignalsJudge

__all__ = ["RUBRIC", "SignalsJudge"]
