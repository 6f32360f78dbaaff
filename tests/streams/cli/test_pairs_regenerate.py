"""`clawback pairs regenerate` against a server that decides and judges."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from agents.judges.fake import FakeJudge
from agents.judges.fake.script import Act, Asked
from schemas.generation import Generation
from schemas.pair import PreferencePair
from schemas.tool import ToolDefinition, ToolOffer
from sinks import PairsSink
from streams.broker import open_broker
from streams.flow import Outgoing
from streams.replay.topics import partitions, scan
from streams.settings.load import load
from streams.stages.sinks import make_handler, panel_label
from streams.table import TableStore
from tests.streams.cli.test_pairs import a_turn, a_verdict

Call = Callable[..., Result]


def script(asked: Asked) -> Act:
    """Decide for a call where tools are shown, and find every proposal good."""
    if asked.body["model"] == "helper":
        call = {"function": {"name": "exec", "arguments": {"command": "tesla status"}}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        return Act(body=json.dumps({"message": message, "done_reason": "stop"}).encode())
    names = ("tool_correctness", "task_completion", "instruction_adherence", "efficiency")
    score = 9 if "(proposed, not run)" in asked.prompt else 1
    scores = dict.fromkeys((*names, "overall"), score)
    return Act(content=json.dumps({"rationale": "the right call", **scores}))


@pytest.fixture
def server() -> Iterator[FakeJudge]:
    """The server, in a thread of its own as the command has the loop of this one."""
    fake = FakeJudge(script, models=("helper", "grader"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    yield fake
    asyncio.run_coroutine_threadsafe(fake.__aexit__(None, None, None), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def home(call: Call, tmp_path: Path, server: FakeJudge) -> Path:  # noqa: ARG001
    """A home with one bad turn that has no partner, and its settings."""
    file = tmp_path / "clawback.toml"
    file.write_text(f"""
[calibration]
required = false
[pairs]
strategies = ["branch", "regenerate", "unpaired"]
[regenerate]
url = "{server.url}"
model = "helper"
[[judges]]
kind = "ollama"
name = "grader"
url = "{server.url}"
model = "grader"
[[judges]]
kind = "signals"
name = "errors"
strict_on = "errors"
[[panels]]
name = "default"
judges = ["grader", "errors"]
quorum = 2
""")
    settings = load(file)
    panel, _, edition = panel_label(settings).partition("@")
    bad = a_turn(2, "echo no idea")
    verdict = a_verdict(bad, 2, panel, edition)
    read = ToolDefinition.of("main", "read", "Reads a file.", {"type": "object"}, ())
    offer = ToolOffer.of("main", bad.session, bad.started_ms + 1, (read.id,))
    broker = open_broker(settings)
    broker.ensure_topics()
    asyncio.run(
        broker.publish(
            [
                Outgoing("turns", bad.session.encode(), bad.to_bytes()),
                Outgoing("verdicts", bad.id.encode(), verdict.to_bytes()),
                Outgoing("tools", b"main", read.to_bytes()),
                Outgoing("tools", b"main", offer.to_bytes()),
            ]
        )
    )
    broker.close()
    return file


def records(file: Path, topic: str) -> list[bytes]:
    settings = load(file)
    broker = open_broker(settings)

    async def read() -> list[bytes]:
        return [
            record.value or b""
            for number in range(partitions(broker, topic, settings))
            async for record in scan(broker, topic, number)
        ]

    try:
        return asyncio.run(read())
    finally:
        broker.close()


def test_a_bad_decision_is_made_anew_judged_and_paired(
    call: Call, home: Path, tmp_path: Path, server: FakeJudge
) -> None:
    said = call("pairs", "regenerate")
    assert (said.exit_code, "1 made, 1 of them good enough" in said.output) == (0, True)
    (made,) = [Generation.from_bytes(value) for value in records(home, "generations")]
    assert (made.overall, made.model, made.decision) == (9, "helper", 1)
    assert [opinion.judge for opinion in made.opinions] == ["grader"]
    asked = next(each for each in server.asked if each.body["model"] == "helper")
    assert [tool["function"]["name"] for tool in asked.body["tools"]] == ["read", "exec"]
    assert asked.body["tools"][0]["function"]["description"] == "Reads a file."

    settings = load(home)
    sink = make_handler("pairs", settings)._sink
    assert isinstance(sink, PairsSink)
    store = TableStore(tmp_path / "table", "x")
    outputs = []
    for topic in sink.topics:
        for value in records(home, topic):
            outputs += sink.apply(topic, value, store.table("all"))
    store.close()
    (pair,) = [PreferencePair.from_bytes(output.value or b"") for output in outputs]
    assert (pair.strategy, pair.margin) == ("regenerate", 7)

    found = json.loads(call("pairs", "snapshot", "--json", "--processes", "0").stdout)
    assert found["counts"]["strategies"] == {"regenerate": 1}


def test_what_was_asked_is_not_asked_again(call: Call, home: Path, server: FakeJudge) -> None:
    assert call("pairs", "regenerate").exit_code == 0
    count = server.count
    again = call("pairs", "regenerate")
    assert (again.exit_code, server.count) == (0, count)
    assert "0 bad decisions without a partner" in again.output
    assert len(records(home, "generations")) == 1


def test_a_dry_run_asks_nobody(call: Call, home: Path, server: FakeJudge) -> None:
    said = call("pairs", "regenerate", "--dry-run", "--json")
    assert json.loads(said.stdout) == {
        "would_ask": 1,
        "chosen": 1,
        "rejected": 0,
        "model": "helper",
        "judges": ["grader"],
    }
    assert server.count == 0
    assert records(home, "generations") == []


def add_good_turns(file: Path) -> None:
    """Give the home two good turns without a partner; they come before the bad one by their ids."""
    settings = load(file)
    panel, _, edition = panel_label(settings).partition("@")
    turns = [
        a_turn(number, "ls").model_copy(update={"request": f"is door {number} locked?"})
        for number in (0, 1)
    ]
    records = [Outgoing("turns", turn.session.encode(), turn.to_bytes()) for turn in turns]
    records += [
        Outgoing("verdicts", turn.id.encode(), a_verdict(turn, 9, panel, edition).to_bytes())
        for turn in turns
    ]
    broker = open_broker(settings)
    asyncio.run(broker.publish(records))
    broker.close()


def test_bad_decisions_are_asked_about_before_any_good_one(
    call: Call, home: Path, server: FakeJudge
) -> None:
    add_good_turns(home)
    plan = call("pairs", "regenerate", "--sides", "both", "--dry-run")
    assert "1 bad decisions and 2 good ones without a partner" in plan.output
    plan = call("pairs", "regenerate", "--sides", "both", "--dry-run", "--limit", "2", "--json")
    assert json.loads(plan.stdout)["rejected"] == 1
    assert "1 bad decisions without" in call("pairs", "regenerate", "--dry-run").output
    assert server.count == 0
    said = call("pairs", "regenerate", "--sides", "both", "--limit", "1", "--json")
    assert [json.loads(line)["side"] for line in said.stdout.splitlines()] == ["chosen"]


def test_what_is_worse_than_a_good_decision_is_its_rejected_side(
    call: Call, home: Path, server: FakeJudge
) -> None:
    add_good_turns(home)
    home.write_text(home.read_text().replace("[regenerate]", '[regenerate]\nsides = "both"'))

    def worse_beside_doors(asked: Asked) -> Act:
        act = script(asked)
        if asked.body["model"] == "grader" and "door" in asked.prompt:
            return Act(content=(act.content or "").replace("9", "3"))
        return act

    server.script = worse_beside_doors
    said = call("pairs", "regenerate")
    assert said.exit_code == 0
    assert "3 made, 1 of them good enough to be chosen, 2 bad enough to be rejected" in said.output
    made = [Generation.from_bytes(value) for value in records(home, "generations")]
    assert sorted((each.side, each.overall) for each in made) == [
        ("chosen", 9),
        ("rejected", 3),
        ("rejected", 3),
    ]
    count = server.count
    assert "0 bad decisions and 0 good ones" in call("pairs", "regenerate").output
    assert server.count == count
    found = json.loads(call("pairs", "snapshot", "--json", "--processes", "0").stdout)
    assert found["counts"]["strategies"] == {"regenerate": 3}


def test_an_answer_that_can_not_be_used_is_noted_with_its_reason(
    call: Call, home: Path, server: FakeJudge
) -> None:
    server.script = lambda _: Act(content="", finish="length")
    assert call("pairs", "regenerate").exit_code == 0
    (made,) = [Generation.from_bytes(value) for value in records(home, "generations")]
    assert (made.message, made.overall) == (None, None)
    assert "its tokens" in made.reason


def deciding_for(name: str, **arguments: object) -> Callable[[Asked], Act]:
    def decide(asked: Asked) -> Act:
        if asked.body["model"] != "helper":
            return script(asked)
        call = {"function": {"name": name, "arguments": arguments}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        return Act(body=json.dumps({"message": message, "done_reason": "stop"}).encode())

    return decide


def test_a_call_of_a_tool_that_nobody_offered_is_not_even_judged(
    call: Call, home: Path, server: FakeJudge
) -> None:
    server.script = deciding_for("no_such_tool")
    assert call("pairs", "regenerate").exit_code == 0
    (made,) = [Generation.from_bytes(value) for value in records(home, "generations")]
    assert (made.message, made.overall) == (None, None)
    assert made.reason == "it calls 'no_such_tool', which it was not offered"
    assert {each.body["model"] for each in server.asked} == {"helper"}
    found = json.loads(call("pairs", "snapshot", "--json", "--processes", "0").stdout)
    assert "regenerate" not in found["counts"]["strategies"]


@pytest.mark.usefixtures("home")
def test_schemas_show_calls_that_were_run_and_no_others(call: Call, server: FakeJudge) -> None:
    server.script = deciding_for("exec", command="tesla status", made_up=True)
    assert call("pairs", "regenerate").exit_code == 0
    found = json.loads(call("pairs", "snapshot", "--json", "--processes", "0").stdout)
    assert found["counts"]["strategies"] == {"regenerate": 1}
    (tools,) = json.loads((Path(found["path"]) / "tools.json").read_bytes()).values()
    (shown,) = [each["function"] for each in tools if each["function"]["name"] == "exec"]
    assert list(shown["parameters"]["properties"]) == ["command"]


def test_a_machine_that_is_down_costs_nothing_and_is_named(
    call: Call, home: Path, server: FakeJudge
) -> None:
    home.write_text(
        home.read_text().replace(
            f'url = "{server.url}"\nmodel = "helper"',
            'url = "http://127.0.0.1:1"\nmodel = "helper"',
        )
    )
    said = call("pairs", "regenerate")
    assert said.exit_code == 1
    assert "127.0.0.1:1" in said.output
    assert "run it again to go on" in said.output
    assert records(home, "generations") == []


@pytest.mark.parametrize(
    ("old", "new", "reason", "count"),
    [
        ('model = "helper"', 'model = ""', "regenerate.url and regenerate.model", 1),
        (
            'judges = ["grader", "errors"]\nquorum = 2',
            'judges = ["errors"]\nquorum = 1',
            "no language model counts",
            0,  # the panel's new edition has no verdicts yet
        ),
    ],
)
def test_without_a_model_or_judges_it_says_what_is_missing(
    call: Call, home: Path, old: str, new: str, reason: str, count: int
) -> None:
    home.write_text(home.read_text().replace(old, new))
    said = call("pairs", "regenerate")
    assert said.exit_code == 2
    assert reason in said.output

    plan = call("pairs", "regenerate", "--dry-run")
    assert (plan.exit_code, reason in plan.stderr) == (0, True)
    assert plan.stdout.startswith(f"{count} bad decisions without a partner")
