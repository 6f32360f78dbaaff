"""Pairs as a function of the scored turns, on the topic and in the file."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.generation import Generation, generation_id
from schemas.pair import ChatMessage, PreferencePair, Strategy
from schemas.reaction import Reaction, reaction_id
from schemas.record import Record
from schemas.review import Review
from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks import Output, PairsSink, SinkError
from sinks.strategies import neighbour

Make = Callable[..., Any]
RULES = Pairs()


def asks_again(text: str, request: str) -> bool:
    return text.startswith("no") or text == request


ASK = "what's in my inbox today?"


@pytest.fixture
def sink(tmp_path: Path) -> PairsSink:
    return PairsSink(tmp_path, "default", RULES, asks_again)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


def topic_of(record: Record) -> str:
    kinds = {
        Turn: "turns",
        Verdict: "verdicts",
        Reaction: "reactions",
        Review: "reviews",
        Generation: "generations",
    }
    return kinds[type(record)]


def feed(sink: PairsSink, table: MemoryTable, *records: Record) -> list[Output]:
    outputs: list[Output] = []
    for record in records:
        outputs += sink.apply(topic_of(record), record.to_bytes(), table)
    sink.flush(table, everything=True)
    return outputs


def lines(output: Path) -> list[PreferencePair]:
    path = output / "pairs" / "pairs.jsonl"
    if not path.exists():
        return []
    return [PreferencePair.from_bytes(line) for line in path.read_bytes().splitlines()]


def on_topic(outputs: list[Output]) -> dict[bytes, bytes]:
    """Return what is left of a topic once it is compacted."""
    left: dict[bytes, bytes] = {}
    for topic, key, value in outputs:
        assert topic == "pairs"
        if value is None:
            left.pop(key, None)
        else:
            left[key] = value
    return left


def test_a_good_and_a_bad_answer_to_one_request_are_a_pair(
    sink: PairsSink, table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    good = make_turn(1, request=ASK)
    bad = make_turn(2, request="What's in my  INBOX today? ")
    outputs = feed(sink, table, good, bad, make_verdict(1, 7), make_verdict(2, 4))
    (pair,) = lines(tmp_path)
    assert (pair.chosen.turn_id, pair.rejected.turn_id) == (good.id, bad.id)
    assert (pair.strategy, pair.margin, pair.panel) == ("same_request", 3.0, "default")
    assert [(m.role, m.content) for m in pair.prompt] == [("user", ASK)]
    (message,) = pair.chosen.messages
    assert message.tool_calls is not None
    assert message.tool_calls[0]["function"]["arguments"] == {"command": "ls 1"}
    assert outputs == [Output("pairs", pair.id.encode(), pair.to_bytes())]


@pytest.mark.parametrize(("good", "bad"), [(6.5, 1), (10, 4.5), (8, 7)])
def test_scores_between_the_thresholds_make_none(
    sink: PairsSink,
    table: MemoryTable,
    tmp_path: Path,
    make_turn: Make,
    make_verdict: Make,
    good: float,
    bad: float,
) -> None:
    turns = [make_turn(n, request=ASK) for n in (1, 2)]
    assert not feed(sink, table, *turns, make_verdict(1, good), make_verdict(2, bad))
    assert not lines(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "ensemble_disagreement"},
        {"status": "incomplete", "scores": None},
        {"status": "skipped", "scores": None},
        {"panel": "other"},
    ],
)
def test_only_a_scored_verdict_of_the_panel_counts(
    sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make, changes: Any
) -> None:
    turns = [make_turn(n, request=ASK) for n in (1, 2)]
    assert not feed(sink, table, *turns, make_verdict(1, 9), make_verdict(2, 2, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"request": "something else entirely"},
        {"agent": "gw"},
        {"trigger": "cron"},
        {"images": 1},
    ],
)
def test_what_was_not_asked_the_same_makes_none(
    sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make, changes: Any
) -> None:
    turns = [make_turn(1, request=ASK), make_turn(2, **({"request": ASK} | changes))]
    assert not feed(sink, table, *turns, make_verdict(1, 9), make_verdict(2, 2))


@pytest.mark.parametrize(("trigger", "count"), [("cron", 1), ("heartbeat", 0), ("announce", 0)])
def test_what_a_person_wrote_pairs(
    sink: PairsSink,
    table: MemoryTable,
    make_turn: Make,
    make_verdict: Make,
    trigger: str,
    count: int,
) -> None:
    turns = [make_turn(n, request=ASK, trigger=trigger) for n in (1, 2)]
    assert len(feed(sink, table, *turns, make_verdict(1, 9), make_verdict(2, 2))) == count


def test_a_revision_takes_a_pair_back_and_another_brings_it_again(
    sink: PairsSink, table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    turns = [make_turn(n, request=ASK) for n in (1, 2)]
    (made,) = feed(sink, table, *turns, make_verdict(1, 9), make_verdict(2, 2))
    (gone,) = feed(sink, table, make_verdict(2, 6, revision=2))
    assert gone == Output("pairs", made.key, None)
    assert not (tmp_path / "pairs" / "pairs.jsonl").exists()
    (back,) = feed(sink, table, make_verdict(2, 1, revision=3))
    assert back.key == made.key
    assert lines(tmp_path)[0].margin == 8


def test_at_most_so_many_of_one_request(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    sink = PairsSink(tmp_path, "default", Pairs(per_prompt=3), asks_again)
    outputs = []
    for n in range(20):
        verdict = make_verdict(n, 9 if n % 2 else 2)
        outputs += feed(sink, table, make_turn(n, request=ASK), verdict)
    assert len(lines(tmp_path)) == 3
    assert on_topic(outputs) == {pair.id.encode(): pair.to_bytes() for pair in lines(tmp_path)}
    sides = [side for pair in lines(tmp_path) for side in (pair.chosen, pair.rejected)]
    assert len({side.turn_id for side in sides}) == 6


def test_a_repeat_publishes_nothing(
    sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make
) -> None:
    records = [make_turn(1, request=ASK), make_turn(2, request=ASK)]
    records += [make_verdict(1, 9), make_verdict(2, 2)]
    assert feed(sink, table, *records)
    before = dict(table.scan(""))
    assert not feed(sink, table, *records)
    assert dict(table.scan("")) == before


def test_the_original_replaces_its_copy(
    sink: PairsSink, table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    copy = make_turn(1, request=ASK, copied=True, steps=make_turn(7).steps)
    bad = make_turn(2, request=ASK)
    feed(sink, table, copy, bad, make_verdict(1, 9), make_verdict(2, 2))
    feed(sink, table, make_turn(1, request=ASK))
    calls = lines(tmp_path)[0].chosen.messages[0].tool_calls
    assert calls is not None
    assert calls[0]["function"]["arguments"] == {"command": "ls 1"}
    feed(sink, table, make_turn(1, request="other words, earlier session", session="a"))
    assert not lines(tmp_path)


def test_changed_thresholds_make_all_pairs_again(
    sink: PairsSink, table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    turns = [make_turn(n, request=ASK) for n in (1, 2)]
    (made,) = feed(sink, table, *turns, make_verdict(1, 7), make_verdict(2, 2))
    stricter = PairsSink(tmp_path, "default", Pairs(chosen=8), asks_again)
    assert feed(stricter, table, make_turn(99)) == [Output("pairs", made.key, None)]
    assert PairsSink(tmp_path, "default", RULES, asks_again).apply(
        "verdicts", make_verdict(98).to_bytes(), table
    ) == [made]


def test_a_promoted_panel_makes_all_pairs_again(
    sink: PairsSink, table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    turns = [make_turn(n, request=ASK) for n in (1, 2)]
    news = [make_verdict(1, 2, panel="new"), make_verdict(2, 9, panel="new")]
    (made,) = feed(sink, table, *turns, make_verdict(1, 7), make_verdict(2, 2), *news)
    promoted = PairsSink(tmp_path, "new", RULES, asks_again)
    left = on_topic([made, *feed(promoted, table, make_turn(99))])
    (pair,) = lines(tmp_path)
    assert left == {pair.id.encode(): pair.to_bytes()}
    assert (pair.panel, pair.chosen.turn_id) == ("new", turns[1].id)


@pytest.mark.parametrize("value", [b"", b"{}", b'{"id":"x"}'])
@pytest.mark.parametrize("topic", ["turns", "verdicts", "reactions", "generations", "reviews"])
def test_what_is_no_record_is_refused(
    sink: PairsSink, table: MemoryTable, topic: str, value: bytes
) -> None:
    with pytest.raises(ValidationError):
        sink.apply(topic, value, table)
    assert not list(table.scan(""))


@pytest.mark.usefixtures("made")
class TestTheFile:
    """Whose file it is, and that it comes back."""

    @pytest.fixture
    def made(
        self, sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make
    ) -> list[Output]:
        turns = [make_turn(n, request=ASK) for n in (1, 2)]
        return feed(sink, table, *turns, make_verdict(1, 9), make_verdict(2, 2))

    def test_a_persons_file_is_moved_aside(
        self,
        table: MemoryTable,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        make_verdict: Make,
    ) -> None:
        path = tmp_path / "pairs" / "pairs.jsonl"
        for number in (1, 2):
            path.write_text("my own notes\n")
            sink = PairsSink(tmp_path, "default", RULES, asks_again)
            with caplog.at_level(logging.WARNING):
                feed(sink, table, make_verdict(1, 6 + number, revision=number + 1))
            assert (tmp_path / "pairs" / f"pairs.kept-{number}.jsonl").read_text()
            assert f"kept as pairs.kept-{number}.jsonl" in caplog.text
            assert len(lines(tmp_path)) == 1

    def test_a_deleted_file_comes_back_at_the_start(
        self, table: MemoryTable, tmp_path: Path
    ) -> None:
        path = tmp_path / "pairs" / "pairs.jsonl"
        before = path.read_bytes()
        path.unlink()
        PairsSink(tmp_path, "default", RULES, asks_again).flush(table, everything=True)
        assert path.read_bytes() == before

    def test_a_directory_in_its_place_is_told_in_one_line(
        self, table: MemoryTable, tmp_path: Path, make_verdict: Make
    ) -> None:
        path = tmp_path / "pairs" / "pairs.jsonl"
        path.unlink()
        path.mkdir()
        with pytest.raises(SinkError, match=r"can't read .*pairs\.jsonl: is a directory$"):
            feed(
                PairsSink(tmp_path, "default", RULES, asks_again),
                table,
                make_verdict(1, 8, revision=2),
            )

    def test_lines_are_in_the_order_of_the_chosen_turns(
        self,
        sink: PairsSink,
        table: MemoryTable,
        tmp_path: Path,
        make_turn: Make,
        make_verdict: Make,
    ) -> None:
        for n in (30, 20, 10):
            request = f"do the task of number {n}"
            turns = [make_turn(n + k, request=request) for k in (0, 1)]
            feed(sink, table, *turns, make_verdict(n, 9), make_verdict(n + 1, 1))
        assert [int(pair.chosen.turn_id, 16) for pair in lines(tmp_path)] == [1, 10, 20, 30]


def a_world(rng: random.Random, make_turn: Make, make_verdict: Make) -> list[Record]:
    """Return a session in which the user asks again and again, siblings, copies and revisions."""
    records: list[Record] = []
    for n in range(12):
        again = n % 3 == 1
        ask = f"no, please do it, number {n % 2}" if again else f"please do it, number {n % 2}"
        if n % 4 == 2:
            more = " ".join(rng.sample(("carefully", "kindly", "please"), rng.randrange(3)))
            ask = f"{more} look through every new mail from our suppliers about deliveries"
        steps = make_turn(rng.randint(1, 4)).steps
        fields: dict[str, Any] = {
            "request": ask,
            "session": f"s{n // 6}",
            "steps": steps,
            "started_ms": 1_772_000_000_000 + 1000 * (n - n % 2 if rng.random() < 0.3 else n),
        }
        turn = make_turn(n, **fields)
        heard = [
            Reaction(id=reaction_id(turn.id, at, "no"), turn_id=turn.id, text="no, again", at_ms=at)
            for at in {turn.started_ms + 1000, turn.started_ms + rng.choice([1000, 2000])}
        ]
        if rng.random() < 0.5:
            turn = turn.model_copy(update={"reaction": heard.pop()})
        copy = {"session": rng.choice(["fork", "s0"]), "copied": True, "reaction": None}
        records += [
            turn,
            turn.model_copy(update=copy),
            *heard,
            make_verdict(n, rng.choice([2, 5, 9])),
            make_verdict(n, rng.choice([1, 3, 4, 7, 8, 10]), revision=2),
            make_generation(n, rng.choice([3, 8, 9])),
            make_generation(n, rng.choice([2, 3, 9]), side="rejected"),
        ]
    return records


def make_generation(number: int, overall: float, **changes: Any) -> Generation:
    message = ChatMessage(role="assistant", content=f"better answer {number}, of {overall}")
    fields: dict[str, Any] = {
        "turn_id": f"{number:032x}",
        "decision": 1,
        "model": "helper",
        "message": message,
        "panel": "default",
        "overall": overall,
    } | changes
    names = ("turn_id", "decision", "model", "message")
    side = fields.get("side", "chosen")
    return Generation(id=generation_id(*(fields[name] for name in names), side=side), **fields)


def test_what_a_model_would_have_decided_pairs_with_the_bad_decision(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    rules = Pairs(strategies=("regenerate",))
    sink = PairsSink(tmp_path, "default", rules, asks_again)
    records = [make_turn(1, request=ASK), make_verdict(1, 2), make_generation(1, 9)]
    (made,) = feed(sink, table, *records)
    (pair,) = lines(tmp_path)
    assert (pair.strategy, pair.margin, pair.weight) == ("regenerate", 7, 0.5)
    assert [message.content for message in pair.prompt] == [ASK]
    assert pair.chosen.messages[0].content == "better answer 1, of 9"
    assert pair.rejected.messages[0].tool_calls is not None
    (gone,) = feed(sink, table, make_verdict(1, 8, revision=2))
    assert gone == Output("pairs", made.key, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"overall": 6},
        {"overall": None},
        {"panel": "another"},
        {"message": None},
        {"decision": 7},
    ],
)
def test_a_generation_that_the_panel_does_not_find_good_makes_no_pair(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make, changes: Any
) -> None:
    sink = PairsSink(tmp_path, "default", Pairs(strategies=("regenerate",)), asks_again)
    made = make_generation(1, **({"overall": 9} | changes))
    assert feed(sink, table, make_turn(1, request=ASK), make_verdict(1, 2), made) == []


def test_a_good_decision_is_chosen_over_a_worse_one_that_a_model_would_have_made(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    sink = PairsSink(tmp_path, "default", Pairs(strategies=("regenerate",)), asks_again)
    worse = make_generation(1, 3, side="rejected", decision=2)
    (made,) = feed(sink, table, make_turn(1, request=ASK), make_verdict(1, 9), worse)
    (pair,) = lines(tmp_path)
    assert (pair.strategy, pair.margin, pair.weight) == ("regenerate", 6, 0.5)
    assert pair.evidence == (
        "decision 2 anew by helper, which the panel scored 3; its calls were not run"
    )
    assert [message.role for message in pair.prompt] == ["user", "assistant", "tool"]
    assert (pair.chosen.turn_id, pair.chosen.decision) == (worse.turn_id, 2)
    assert (pair.rejected.turn_id, pair.rejected.session, pair.rejected.decision) == (
        worse.id,
        "s1",
        2,
    )
    assert pair.rejected.messages == (worse.message,)
    (gone,) = feed(sink, table, make_verdict(1, 2, revision=2))
    assert gone == Output("pairs", made.key, None)


@pytest.mark.parametrize(
    ("turn", "changes"),
    [
        (9, {"overall": 5}),
        (9, {"overall": None}),
        (9, {"panel": "another"}),
        (9, {"message": None}),
        (9, {"message": ChatMessage(role="assistant", content="done"), "decision": 2}),
        (9, {"decision": 7}),
        (9, {"side": "chosen"}),
        (7, {"overall": 4.5}),
        (5, {}),
        (2, {}),
    ],
)
def test_a_generation_that_is_not_clearly_worse_is_no_rejected_side(
    table: MemoryTable,
    tmp_path: Path,
    make_turn: Make,
    make_verdict: Make,
    turn: float,
    changes: dict[str, Any],
) -> None:
    rules = Pairs(strategies=("branch", "regenerate"), rejected=4.5)
    sink = PairsSink(tmp_path, "default", rules, asks_again)
    made = make_generation(1, **({"overall": 3, "side": "rejected"} | changes))
    assert feed(sink, table, make_turn(1, request=ASK), make_verdict(1, turn), made) == []


def test_a_good_turns_failed_call_is_not_chosen_over_another(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_steps: Make, make_verdict: Make
) -> None:
    steps = list(make_steps(("exec", {"command": "ls"}, "no such file")))
    steps[1] = steps[1].model_copy(update={"is_error": True})
    turn = make_turn(1, request=ASK, steps=tuple(steps))
    sink = PairsSink(tmp_path, "default", Pairs(strategies=("regenerate",)), asks_again)
    worse = [make_generation(1, 3, side="rejected", decision=number) for number in (1, 2)]
    feed(sink, table, turn, make_verdict(1, 9), *worse)
    assert [pair.chosen.decision for pair in lines(tmp_path)] == [2]


def test_a_recovery_is_made_beside_what_was_generated(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_steps: Make, make_verdict: Make
) -> None:
    steps = list(
        make_steps(("exec", {"command": "lss"}, "not found"), ("exec", {"command": "ls"}, "a"))
    )
    steps[1] = steps[1].model_copy(update={"is_error": True})
    records = [
        make_turn(1, request=ASK, steps=tuple(steps)),
        make_verdict(1, 9),
        make_generation(1, 3, side="rejected", decision=2),
    ]
    for strategies in (("regenerate",), ("branch", "regenerate")):
        sink = PairsSink(tmp_path, "default", Pairs(strategies=strategies), asks_again)
        feed(sink, table, *records)
        assert sorted(pair.strategy for pair in lines(tmp_path)) == sorted(strategies)


def test_a_generation_from_before_there_were_two_sides_is_for_the_chosen_one() -> None:
    record = json.loads(make_generation(1, 9).to_bytes())
    del record["side"]
    assert Generation.from_bytes(json.dumps(record).encode()) == make_generation(1, 9)


def test_generations_are_left_aside_unless_they_are_asked_for(
    sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make
) -> None:
    records = [make_turn(1, request=ASK), make_verdict(1, 2), make_generation(1, 9)]
    assert feed(sink, table, *records) == []


NEAR = "look through every new mail from our suppliers about deliveries"


def some_neighbours(make_turn: Make, make_verdict: Make) -> list[Record]:
    """Return good and bad turns with requests of ten words, some with one word more or less."""
    asks = (NEAR, f"{NEAR} today", f"please {NEAR}", f"first {NEAR}", NEAR.replace("our ", ""))
    records: list[Record] = []
    for n in range(15):
        records += [make_turn(n, request=asks[n % 5]), make_verdict(n, 9 if n % 2 else 2)]
    return records


def neighbours(*, similarity: float = 0.9) -> Pairs:
    return Pairs(
        strategies=("neighbour",), neighbour_similarity=similarity, per_prompt=99, per_side=9
    )


def test_neighbours_come_and_go_with_the_settings(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    records = some_neighbours(make_turn, make_verdict)
    found: dict[float, dict[bytes, bytes]] = {}
    for similarity in (0.8, 0.9, 1.0):
        rules = neighbours(similarity=similarity)
        anew = PairsSink(tmp_path / "anew", "default", rules, asks_again)
        found[similarity] = on_topic(feed(anew, MemoryTable(), *records))
    assert len(found[0.8]) > len(found[0.9]) > len(found[1.0]) > 0

    off = PairsSink(tmp_path, "default", Pairs(strategies=("unpaired",)), asks_again)
    outputs = feed(off, table, *records)
    assert outputs == []
    held = sum(1 for _ in table.scan(""))
    for similarity in (0.9, 0.8, 1.0):
        sink = PairsSink(tmp_path, "default", neighbours(similarity=similarity), asks_again)
        outputs += sink.rule(table)
        assert on_topic(outputs) == found[similarity]
    off = PairsSink(tmp_path, "default", Pairs(strategies=("unpaired",)), asks_again)
    assert on_topic(outputs + off.rule(table)) == {}
    off.flush(table, everything=True)
    assert sum(1 for _ in table.scan("")) == held


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_neighbours_are_the_same_in_any_order(
    make_turn: Make, make_verdict: Make, seed: int
) -> None:
    records, left = some_neighbours(make_turn, make_verdict), []
    for _ in range(2):
        table, outputs = MemoryTable(), []
        sink = PairsSink(Path("unused"), "default", neighbours(similarity=0.8), asks_again)
        for record in records:
            outputs += sink.apply(topic_of(record), record.to_bytes(), table)
        left.append(on_topic(outputs))
        random.Random(seed).shuffle(records)
    assert len(left[0]) > 20
    assert left[0] == left[1]


def test_one_pair_of_neighbours_is_of_one_group(
    table: MemoryTable, tmp_path: Path, make_turn: Make, make_verdict: Make
) -> None:
    sink = PairsSink(tmp_path, "default", neighbours(), asks_again)
    good, bad = make_turn(1, request=NEAR), make_turn(2, request=f"{NEAR} please")
    (made,) = feed(sink, table, good, bad, make_verdict(1, 9), make_verdict(2, 2))
    (pair,) = lines(tmp_path)
    assert (pair.strategy, pair.weight) == ("neighbour", 0.3)
    assert [message.content for message in pair.prompt] == [NEAR]
    (gone,) = feed(sink, table, make_verdict(2, 6, revision=2))
    assert gone == Output("pairs", made.key, None)


def test_nothing_is_computed_of_neighbours_while_they_are_off(
    sink: PairsSink, table: MemoryTable, make_turn: Make, make_verdict: Make
) -> None:
    before = neighbour._read.cache_info()
    feed(sink, table, *some_neighbours(make_turn, make_verdict), make_verdict(1, 8, revision=2))
    assert neighbour._read.cache_info() == before


@settings(max_examples=60, deadline=None)
@given(
    world=st.integers(0, 6),
    seed=st.integers(0, 2**32),
    cuts=st.sets(st.integers(0, 80), max_size=6),
)
def test_any_order_repeats_and_restarts_end_in_the_same_pairs(
    tmp_path_factory: pytest.TempPathFactory,
    make_turn: Make,
    make_verdict: Make,
    world: int,
    seed: int,
    cuts: set[int],
) -> None:
    rules = Pairs(strategies=get_args(Strategy))
    records = a_world(random.Random(world), make_turn, make_verdict)
    plain = tmp_path_factory.mktemp("plain")
    first = PairsSink(plain, "default", rules, asks_again)
    left = on_topic(feed(first, MemoryTable(), *records))
    for number, pair in enumerate(lines(plain)[::3]):
        word = ("accept", "reject", "swap")[number % 3]
        fields: dict[str, Any] = {"id": f"r{number}", "pair": pair, "word": word, "at_ms": number}
        records += [Review(**fields), Review(**fields | {"id": "x", "word": "accept", "at_ms": -1})]
    plain = tmp_path_factory.mktemp("reviewed")
    sink = PairsSink(plain, "default", rules, asks_again)
    left = on_topic(feed(sink, MemoryTable(), *records))
    rng = random.Random(seed)
    rng.shuffle(records)
    output = tmp_path_factory.mktemp("shuffled")
    table = MemoryTable()
    sink = PairsSink(output, "default", rules, asks_again)
    outputs: list[Output] = []
    for number, record in enumerate([*records, *records[:9]]):
        if number in cuts:
            sink.flush(table, everything=rng.random() < 0.5)
            sink = PairsSink(output, "default", rules, asks_again)
        outputs += sink.apply(topic_of(record), record.to_bytes(), table)
    sink.flush(table, everything=True)
    assert on_topic(outputs) == left
    assert lines(output) == lines(plain)
    found = [json.loads(pair.to_bytes())["id"].encode() for pair in lines(plain)]
    assert sorted(found) == sorted(left)
