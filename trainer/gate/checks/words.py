"""Figures as a sentence holds them."""

from __future__ import annotations

from trainer.gate.statistics.clustered import Figure


def share(figure: Figure) -> str:
    """Return a share and its interval."""
    return f"{figure.value:.0%} ({figure.low:.0%} to {figure.high:.0%})"


def reward(figure: Figure) -> str:
    """Return a margin of rewards and its interval."""
    return f"{figure.value:+.2g} ({figure.low:+.2g} to {figure.high:+.2g})"


def points(figure: Figure) -> str:
    """Return a difference of shares, in points of percent."""
    value, low, high = (100 * each for each in (figure.value, figure.low, figure.high))
    return f"{value:+.0f} points, {low:+.0f} to {high:+.0f}"


def listed(names: list[str], most: int = 3) -> str:
    """Return names as a sentence lists them, the first few."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
