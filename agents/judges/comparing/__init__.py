"""Judges who say which of two answers is the better one."""

from agents.judges.comparing.comparer import Comparer, Opinion, make_comparer
from agents.judges.comparing.prompt import Question

__all__ = ["Comparer", "Opinion", "Question", "make_comparer"]
