"""What `status` says of judges and panels."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from streams.status.flow import StageProgress
from streams.status.judges import JudgeState, read_judges, write_judge
from streams.status.opinions import judges_table, panel_lines
from streams.status.panels import PanelState, read_panels, write_panel
from streams.status.snapshot import Look, rates

BUSY = JudgeState("slow", "m", 2, 1, asking=2, scored=10, seconds=300.0, per_second=0.05)


def look(*judges: JudgeState, panels: tuple[PanelState, ...] = (), running: int | None = 1) -> Look:
    stage = StageProgress("judge.slow", "c.judge.slow", ("candidates",), 10, 30)
    return Look(1.0, running, None, {}, [], [stage], list(judges), list(panels))


def text(drawn: object) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(drawn)
    return " ".join(captured.get().split())


def test_a_slow_judges_rate_is_told_from_its_answers() -> None:
    found = rates(look(BUSY), look(BUSY))["judge.slow"]
    assert (found.per_second, found.eta) == (0.05, 600)


def test_a_paused_judge_has_no_time_left() -> None:
    paused = JudgeState("slow", "m", 2, 1, asking=2, paused="no route", per_second=0.05)
    assert rates(look(paused), look(paused))["judge.slow"].eta is None


def test_what_a_judge_is_at() -> None:
    assert "asking 2 of 2 10 0 0 0 30.0 s" in text(judges_table(look(BUSY), look(BUSY)))
    paused = JudgeState("slow", "m", 2, 1, paused="no route to host", abstained={"length": 2})
    said = text(judges_table(look(paused), look(paused)))
    assert "no route to host" in said
    assert "length 2" in said
    assert "not running" in text(judges_table(look(BUSY), look(BUSY, running=None)))


def test_a_drifted_judge_is_told_with_what_to_do() -> None:
    panel = PanelState(
        "p@1", 1, 200, 0.7, [("a", "b", 0.8), ("a", "c", None)], {"b": 1.25}, {"b": "up"}
    )
    first, second = (text(line) for line in panel_lines(look(panels=(panel,))))
    assert first == "panel p@1: last 200 turns, alpha 0.70; a and b 0.80"
    assert second.startswith("b has drifted up, +1.2 points from the others' median now")
    assert "clawback judges calibrate b --again" in second


def test_states_are_read_back(tmp_path: Path) -> None:
    assert read_judges(tmp_path, frozenset({"slow"})) == []
    write_judge(tmp_path, "judge.slow", BUSY)
    (tmp_path / "run/judges/judge.torn.json").write_text("{")
    assert read_judges(tmp_path, frozenset({"slow"})) == [BUSY]
    assert read_judges(tmp_path, frozenset({"gone"})) == []
    panel = PanelState("p@1", 1, 2, None, [("a", "b", None)])
    write_panel(tmp_path, "ensemble.p", panel)
    assert read_panels(tmp_path, frozenset({"p@1"})) == [panel]
