"""What torchrun raises when it is told to stop."""

from __future__ import annotations

import signal


class SignalException(Exception):
    def __init__(self, sigval: signal.Signals) -> None:
        super().__init__(sigval.name)
        self.sigval = sigval
