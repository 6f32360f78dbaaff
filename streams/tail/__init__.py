"""The tailer: session files in, `entries` out."""

from streams.tail.checkpoint import CheckpointError, Checkpoints
from streams.tail.tailer import Tailer

__all__ = ["CheckpointError", "Checkpoints", "Tailer"]
