"""Keeping watch over judges that have passed. Plain Python: the ensemble stage carries it."""

from agents.judges.calibration.drift.frozen import compare
from agents.judges.calibration.drift.pagehinkley import PageHinkley
from agents.judges.calibration.drift.watch import JudgeWatch, PanelWatch, WatchFigures

__all__ = ["JudgeWatch", "PageHinkley", "PanelWatch", "WatchFigures", "compare"]
