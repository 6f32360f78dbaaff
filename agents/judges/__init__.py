"""Judges: who scores turns, by what rules, over which wires.

`factory.make_judge` makes one from its settings; it is not imported here, so that a stage without
a language model does not carry an HTTP client around.
"""

from agents.judges.contract import Judge, JudgeUnavailable

__all__ = ["Judge", "JudgeUnavailable"]
