"""Having a model decide anew at a point of a turn."""

from agents.deciding.decider import Decided, Decider, make_decider
from agents.deciding.proposal import proposal

__all__ = ["Decided", "Decider", "make_decider", "proposal"]
