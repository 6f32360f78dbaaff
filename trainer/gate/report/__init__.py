"""The gate's report: one page for a person that needs no other file."""

from trainer.gate.report.write import render

__all__ = ["render"]
