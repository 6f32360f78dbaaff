"""The pre-filter: what is dropped before any judge spends time on it."""

from agents.prefilter.prefilter import NAME, RUBRIC, Prefilter

__all__ = ["NAME", "RUBRIC", "Prefilter"]
