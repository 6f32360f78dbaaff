"""Plots of an evaluation, each as PNG bytes. No pyplot: nothing global, no display needed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from trainer.gate.evidence import AnsweredPrompt
from trainer.gate.statistics.betting import Step

CANDIDATE: Final = "#2a7f86"
INCUMBENT: Final = "#d1663a"
INK: Final = "#22303c"
PALE: Final = "#8a97a3"
GRID: Final = "#e4e9ed"
"""Teal and orange stay apart for the colour-blind, and in grey."""

DPI: Final = 144


def margins(candidate: Sequence[float], incumbent: Sequence[float] | None) -> bytes:
    """Return how the margins of the held-out pairs are spread; the base's are all 0."""
    figure, axes = _canvas(6.6, 2.9)
    both = [*candidate, *(incumbent or ())]
    low, high = np.quantile(both, (0.01, 0.99))
    reach = max(abs(low), abs(high), 1e-6) * 1.1
    bins = np.linspace(-reach, reach, 32)
    for values, colour, name, style in (
        (candidate, CANDIDATE, "candidate", "stepfilled"),
        (incumbent, INCUMBENT, "now served", "step"),
    ):
        if values is not None:
            inside = np.clip(values, -reach, reach)
            fill = {"alpha": 0.75} if style == "stepfilled" else {"lw": 1.8}
            axes.hist(inside, bins=list(bins), color=colour, histtype=style, label=name, **fill)  # type: ignore[arg-type]
    axes.axvline(0, color=INK, lw=1.2, ls=(0, (4, 3)), label="base")
    axes.set(xlabel="margin (reward of the right side less that of the wrong one)")
    axes.set(ylabel="held-out pairs", xlim=(-reach, reach))
    axes.margins(y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=GRID)
    _legend(axes)
    return _png(figure)


def course(steps: Sequence[Step], confidence: float) -> bytes:
    """Return the win rate after each session, with bounds that hold at all times at once."""
    figure, axes = _canvas(6.6, 2.9)
    x = list(range(1, len(steps) + 1))
    low, high = [step.low for step in steps], [step.high for step in steps]
    axes.fill_between(x, low, high, color=CANDIDATE, alpha=0.16, lw=0)
    axes.plot(x, [step.win_rate for step in steps], color=CANDIDATE, lw=1.8, label="win rate")
    axes.plot(x, low, color=CANDIDATE, lw=1, label=f"lower bound ({confidence:.0%})")
    axes.axhline(0.5, color=INK, lw=1.2, ls=(0, (4, 3)))
    if len(steps) == 1:
        axes.plot(x, [steps[0].win_rate], "o", color=CANDIDATE)
    axes.set(xlabel="sessions asked about", ylim=(0, 1), xlim=(0.5, max(2, len(x)) + 0.5))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=GRID)
    _legend(axes)
    return _png(figure)


def lengths(answers: Sequence[AnsweredPrompt], most: float) -> bytes:
    """Return the length of each answer beside that of the other model, on logarithmic scales."""
    figure, axes = _canvas(4.2, 3.6)
    x = np.array([prompt.incumbent.length + 1 for prompt in answers], dtype=float)
    y = np.array([prompt.candidate.length + 1 for prompt in answers], dtype=float)
    low, high = min(x.min(), y.min()) / 1.5, max(x.max(), y.max()) * 1.5
    line = np.array([low, high])
    axes.plot(line, line, color=INK, lw=1, ls=(0, (4, 3)))
    axes.plot(line, line * most, color=INCUMBENT, lw=1)
    axes.scatter(x, y, s=16, color=CANDIDATE, alpha=0.6, lw=0)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.set(xlabel="characters, now served", ylabel="characters, candidate")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_minor_formatter(lambda *_: "")
    axes.grid(color=GRID)
    return _png(figure)


def _legend(axes: Axes) -> None:
    axes.legend(
        frameon=False,
        fontsize=8.5,
        loc="lower right",
        bbox_to_anchor=(1.0, 0.985),
        ncols=3,
        labelcolor=INK,
        handlelength=1.4,
        columnspacing=1.2,
    )


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(which="both", length=0, labelcolor=INK, labelsize=9)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the version of matplotlib in it, equal figures make equal files.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
