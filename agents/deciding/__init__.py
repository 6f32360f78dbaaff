"""Having a model decide anew where a turn went wrong."""

from agents.deciding.decider import Decided, Decider, make_decider
from agents.deciding.proposal import proposal

__all__ = ["Decided", "Decider", "make_decider", "proposal"]
