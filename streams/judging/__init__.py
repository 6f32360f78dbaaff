"""The stage of a judge that takes its time: a language model on a machine of its own."""

from streams.judging.breaker import Breaker
from streams.judging.stage import JudgeStage

__all__ = ["Breaker", "JudgeStage"]
