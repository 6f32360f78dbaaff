"""Whose fault it was, and why, in one line."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LONGEST = 400
"""Characters of a reason."""

SHELL = 128
"""A shell adds this to the number of the signal that killed what it ran."""

_ERROR = re.compile(r"^(?:\[rank\d+\]: ?)?([\w.]*(?:Error|Exception|Exit|Interrupt)\b.*)$")
_ECHO = re.compile(
    r"connection (?:closed|reset|refused)|broken pipe|closed by peer|remote (?:process|error)|"
    r"NCCL|gloo|TCPStore|rendezvous|store.*(?:timed? ?out|closed)",
    re.IGNORECASE,
)
"""How ranks complain when another one is gone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a node says of its end: its exit codes by rank (negative for a signal) where ranks
    failed, the reason in words where there is one, and whether to try again may help."""

    node: str
    ranks: Mapping[int, int]
    reason: str
    retry: bool = True

    @property
    def rank(self) -> int | None:
        """The rank to blame, None where none failed."""
        return blamed(self.ranks)

    def __str__(self) -> str:
        rank = self.rank
        who = self.node if rank is None else f"{self.node}, rank {rank}"
        return f"{who}: {self.reason}"


def blamed(ranks: Mapping[int, int]) -> int | None:
    """Return which of the ranks that failed to blame: one that was killed before one that may
    only have missed it."""
    return min(ranks, key=lambda rank: (not _killed(ranks[rank]), rank), default=None)


def worst(failures: Iterable[Failure]) -> Failure:
    """Return the failure that brought about the others; in doubt the first one.

    Where one rank dies, those on other hosts lose their connection and fail as well.
    """

    def weight(failure: Failure) -> int:
        if any(_killed(code) for code in failure.ranks.values()):
            return 0
        if _ECHO.search(failure.reason):
            return 3
        return 1 if failure.ranks else 2

    return min(failures, key=weight)


def why(code: int, said: str, lines: Iterable[str]) -> str:
    """Return why a process ended.

    Args:
        code: its exit code; negative for a signal, or above 128 as shells have it.
        said: the reason that it left itself, if any.
        lines: the last ones it printed.
    """
    if said:
        return _short(said)
    if code > SHELL:
        code = SHELL - code
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"was killed by {name}{hint}"
    lines = [line.strip() for line in lines if line.strip()]
    errors = [found[1] for line in lines if (found := _ERROR.match(line))]
    last = errors[-1] if errors else lines[-1] if lines else ""
    return _short(last) if last else f"ended with exit code {code}"


def _killed(code: int) -> bool:
    return code < 0 and code != -signal.SIGTERM


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
