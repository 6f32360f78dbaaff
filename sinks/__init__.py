"""What stays: scored turn files and preference pairs."""

from sinks.output import Output, Sink, SinkError
from sinks.pairs import PairsSink
from sinks.turnfiles import TurnFiles

__all__ = ["Output", "PairsSink", "Sink", "SinkError", "TurnFiles"]
