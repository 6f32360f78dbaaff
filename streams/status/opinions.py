"""What judges and panels say of themselves, as a person reads it."""

from __future__ import annotations

import time

from rich.table import Table
from rich.text import Text

from streams.status.judges import JudgeState
from streams.status.panels import PanelState
from streams.status.shapes import columns, duration
from streams.status.snapshot import Look

AGREE = 0.4
"""A kappa below this is said in yellow: two judges that agree little beyond chance."""


def judges_table(before: Look, after: Look) -> Table:
    """Return the language models: what they have done, at what cost, and what they are at."""
    drawn = columns("judge", "now", scored=1, abstained=1, tokens_in=1, tokens_out=1, a_turn=1)
    earlier = {judge.judge: judge for judge in before.judges}
    for judge in after.judges:
        reasons = ", ".join(f"{name} {count}" for name, count in sorted(judge.abstained.items()))
        answers = judge.scored + sum(judge.abstained.values())
        drawn.add_row(
            judge.judge,
            _now(judge, running=after.running is not None),
            f"{judge.scored:,}{_more(judge, earlier.get(judge.judge))}",
            reasons or "0",
            f"{judge.tokens_in:,}",
            f"{judge.tokens_out:,}",
            f"{judge.seconds / answers:.1f} s" if answers else "-",
        )
    return drawn


def panel_lines(after: Look) -> list[Text]:
    """Return how far each panel's judges agree, and who has drifted."""
    return [line for panel in after.panels for line in _panel(panel)]


def _panel(panel: PanelState) -> list[Text]:
    alpha = "-" if panel.alpha is None else f"{panel.alpha:.2f}"
    line = Text(f"panel {panel.panel}: last {panel.turns} turns, alpha {alpha}")
    for a, b, kappa in panel.pairs:
        if kappa is not None:
            style = "yellow" if kappa < AGREE else ""
            line.append(f"; {a} and {b} ").append(f"{kappa:.2f}", style=style)
    lines = [line]
    for judge, way in sorted(panel.moved.items()):
        offset = panel.offsets.get(judge)
        points = "" if offset is None else f", {offset:+.1f} points from the others' median now"
        lines.append(
            Text(
                f"  {judge} has drifted {way}{points}: `clawback judges calibrate {judge} --again`",
                style="red",
            )
        )
    return lines


def _now(judge: JudgeState, *, running: bool) -> Text:
    if not running:
        return Text("not running", style="yellow")
    if judge.paused:
        since = time.time() - (judge.paused_since_ms or judge.at_ms) / 1000
        return Text(f"paused for {duration(max(since, 0))}: {judge.paused}", style="red")
    waiting = f", {judge.waiting} wait for a reaction" if judge.waiting else ""
    return Text(f"asking {judge.asking} of {judge.concurrency}{waiting}")


def _more(judge: JudgeState, before: JudgeState | None) -> str:
    more = judge.scored - before.scored if before else 0
    return f" (+{more})" if more > 0 else ""
