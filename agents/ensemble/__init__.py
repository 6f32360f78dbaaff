"""The ensemble: what several judges say of a turn, joined into one verdict."""

from agents.ensemble.decide import decide
from agents.ensemble.edition import Edition, Pin, edition
from agents.ensemble.join import Ensemble

__all__ = ["Edition", "Ensemble", "Pin", "decide", "edition"]
