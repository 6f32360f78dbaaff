"""Editions: what a panel is, so that verdicts of what it was and what it is are never mixed."""

from __future__ import annotations

from collections.abc import Callable

from agents.ensemble import Ensemble, edition
from schemas.judgement import Judgement
from schemas.settings import Judge, ModelJudge, Panel, Settings, SignalsJudge
from schemas.table import MemoryTable

A = ModelJudge(kind="ollama", name="a", url="http://a", model="m1")
B = SignalsJudge(name="b", strict_on="errors")
C = ModelJudge(kind="openai", name="c", url="http://c", model="m3")
PANEL = Panel(name="p", judges=("a", "b"), quorum=2, window=100.0)


def changed(judge: Judge, **fields: object) -> Judge:
    return judge.model_copy(update=fields)


def test_what_a_verdict_says_makes_the_edition() -> None:
    first = edition(PANEL, (A, B, C))
    others = {
        edition(PANEL, (changed(A, model="m2"), B)).id,
        edition(PANEL, (changed(A, rubric="v2"), B)).id,
        edition(PANEL, (A, SignalsJudge(name="b", strict_on="reaction"))).id,
        edition(PANEL.model_copy(update={"judges": ("a", "c")}), (A, B, C)).id,
        edition(PANEL.model_copy(update={"quorum": 1}), (A, B)).id,
        edition(PANEL.model_copy(update={"max_spread": 3.0}), (A, B)).id,
    }
    assert len(others | {first.id}) == 7
    assert first.label == f"p@{first.id}"


def test_what_a_verdict_does_not_say_does_not() -> None:
    first = edition(PANEL, (A, B, C))
    assert edition(PANEL, (B, A)).id == first.id
    assert edition(PANEL.model_copy(update={"judges": ("b", "a")}), (A, B)).id == first.id
    assert edition(PANEL.model_copy(update={"window": 5.0}), (A, B)).id == first.id
    moved = changed(A, url="http://elsewhere", concurrency=4, max_tokens=9000)
    assert edition(PANEL, (moved, B)).id == first.id


def test_a_default_panel_has_an_edition() -> None:
    settings = Settings()
    (panel,) = settings.all_panels
    assert edition(panel, settings.judges).label.startswith("default@")


def test_only_the_pinned_model_and_rubric_take_part(
    make_judgement: Callable[..., Judgement],
) -> None:
    current = edition(PANEL.model_copy(update={"judges": ("a", "c")}), (A, C))
    ensemble, table = Ensemble(current.panel, current), MemoryTable()
    assert ensemble.apply(make_judgement("c", model="m3", rubric="v1"), 0, table) == []
    assert ensemble.apply(make_judgement("a", model="m0", rubric="v1"), 0, table) == []
    assert ensemble.apply(make_judgement("a", model="m1", rubric="v0"), 0, table) == []
    (verdict,) = ensemble.apply(make_judgement("a", model="m1", rubric="v1"), 0, table)
    assert (verdict.status, verdict.label) == ("scored", current.label)
    assert {opinion.model for opinion in verdict.opinions} == {"m1", "m3"}


def test_two_editions_make_two_verdicts(make_skip: Callable[..., Judgement]) -> None:
    ids = set()
    for judge in (A, changed(A, model="m2")):
        current = edition(PANEL, (judge, B))
        (verdict,) = Ensemble(PANEL, current).apply(make_skip("short"), 0, MemoryTable())
        ids.add(verdict.id)
    assert len(ids) == 2
