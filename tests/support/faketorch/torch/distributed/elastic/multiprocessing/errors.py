"""What torchrun raises when ranks have failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ProcessFailure:
    exitcode: int


class ChildFailedError(Exception):
    def __init__(self, name: str, failures: dict[int, ProcessFailure]) -> None:
        super().__init__(name)
        self.failures = failures
