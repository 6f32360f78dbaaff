"""The report: a page for a person, its plots, and the same as JSON."""

from agents.judges.calibration.report.write import write_report

__all__ = ["write_report"]
