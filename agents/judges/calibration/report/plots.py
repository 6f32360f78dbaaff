"""Plots of a calibration, each as PNG bytes. No pyplot: nothing global, no display needed."""

from __future__ import annotations

import io
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from agents.judges.calibration.measure import CHOSEN
from agents.judges.calibration.mutations import JUNK_CEILING
from agents.judges.calibration.result import Agreement, Metrics

GOOD: Final = "#2a7f86"
JUNK: Final = "#d1663a"
INK: Final = "#22303c"
PALE: Final = "#8a97a3"
GRID: Final = "#e4e9ed"
"""Teal and orange stay apart for the colour-blind, and in grey."""

DPI: Final = 144


def distributions(metrics: Metrics) -> bytes:
    """Return how often each score was given to good turns and to junk, as shares of each."""
    figure, axes = _canvas(6.6, 2.9)
    for counts, colour, shift, name in (
        (metrics.junk_histogram, JUNK, -0.2, "junk"),
        (metrics.good_histogram, GOOD, 0.2, "good turns"),
    ):
        total = sum(counts) or 1
        heights = [100 * count / total for count in counts]
        axes.bar([s + shift for s in range(1, 11)], heights, 0.38, color=colour, label=name)
    top = axes.get_ylim()[1]
    axes.axvspan(0.5, JUNK_CEILING + 0.5, color=JUNK, alpha=0.07, lw=0, zorder=0)
    axes.axvspan(CHOSEN - 0.5, 10.5, color=GOOD, alpha=0.07, lw=0, zorder=0)
    note: dict[str, Any] = {"fontsize": 8, "color": PALE, "ha": "center", "va": "bottom"}
    axes.text((JUNK_CEILING + 1) / 2, top * 1.02, "what junk deserves", **note)
    axes.text((CHOSEN + 10) / 2, top * 1.02, "chosen for training", **note)
    axes.set(xlim=(0.5, 10.5), xticks=range(1, 11), xlabel="overall score", ylabel="share in %")
    axes.grid(axis="y", color=GRID)
    axes.legend(
        frameon=False,
        fontsize=8.5,
        loc="lower center",
        # Above the middle of the axes, between the two notes.
        bbox_to_anchor=(0.45, 0.985),
        ncols=2,
        labelcolor=INK,
        handlelength=1,
        columnspacing=1.2,
    )
    return _png(figure)


def mutations(metrics: Metrics) -> bytes:
    """Return the mean score of each kind of junk, and of the good turns it was made from."""
    rows = [m for m in metrics.mutations if m.mean is not None]
    figure, axes = _canvas(6.6, 0.9 + 0.36 * max(1, len(rows)))
    for at, row in enumerate(reversed(rows)):
        assert row.mean is not None
        mean = row.mean
        axes.barh(at, mean.value - 1, 0.6, left=1, color=JUNK)
        axes.plot([mean.low, mean.high], [at, at], color=INK, lw=1.3, solid_capstyle="butt")
        if row.good is not None:
            axes.plot(row.good.value, at, "D", ms=5.5, color=GOOD, clip_on=False, zorder=4)
    axes.axvline(JUNK_CEILING, color=PALE, lw=1, ls=(0, (4, 3)))
    axes.axvline(CHOSEN, color=PALE, lw=1, ls=(0, (4, 3)))
    names = [row.name.replace("_", " ") for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlim=(1, 10), xticks=range(1, 11), xlabel="mean overall score")
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color=GRID)
    return _png(figure)


def agreement_matrix(agreement: Agreement) -> bytes:
    """Return the weighted kappa of each pair of judges as a coloured matrix."""
    names = agreement.judges
    kappas = {(p.a, p.b): p.kappa for p in agreement.pairs}
    size = 1.6 + 0.85 * len(names)
    figure, axes = _canvas(size + 1.2, size)
    for row, a in enumerate(names):
        for column, b in enumerate(names):
            if a == b:
                continue
            kappa = kappas.get((a, b), kappas.get((b, a)))
            strength = min(1.0, max(0.0, kappa or 0.0))
            axes.add_patch(_square(column, row, strength))
            text = "–" if kappa is None else f"{round(kappa, 2) + 0.0:.2f}"
            ink = "white" if strength > 0.55 else INK
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=11)
    span = len(names) - 0.5
    axes.set(xlim=(-0.5, span), ylim=(span, -0.5), aspect="equal")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    return _png(figure)


def _square(column: int, row: int, strength: float) -> Rectangle:
    return Rectangle(
        (column - 0.48, row - 0.48), 0.96, 0.96, facecolor=_shade(strength), edgecolor="none"
    )


def _shade(strength: float) -> tuple[float, float, float]:
    """Return a colour between nearly white and the teal of good turns."""
    pale, full = (0.95, 0.965, 0.975), (0x2A / 255, 0x7F / 255, 0x86 / 255)
    red, green, blue = (p + (f - p) * strength for p, f in zip(pale, full, strict=True))
    return red, green, blue


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(length=0, labelcolor=INK, labelsize=9)
    axes.xaxis.label.set(color=INK, fontsize=9)
    axes.yaxis.label.set(color=INK, fontsize=9)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the version of matplotlib in it, equal figures make equal files.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
