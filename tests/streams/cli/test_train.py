"""`clawback train`: what the trigger sees, and what is asked of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from schemas.settings import Broker, Paths, Settings
from schemas.training import TrainingProgress, TrainingRequest, TrainingRun, read_training
from streams.broker import EmbeddedBroker, log_path
from streams.flow import Outgoing
from streams.replay.topics import scan
from streams.status.training import TrainingState, describe_run, write_training
from trainer.runs.states import advance, give_up

Call = Callable[..., Result]


class Topics:
    """The topics of the home that `call` has."""

    def __init__(self, home: Path) -> None:
        self.home = home
        settings = Settings(paths=Paths(home=home), broker=Broker())
        self.broker = EmbeddedBroker(log_path(settings), settings)
        self.broker.ensure_topics()
        self.partitions = settings.broker.partitions

    def pairs(self, *names: str) -> None:
        self._put(*(Outgoing("pairs", name.encode(), b"{}") for name in names))

    def run(self, run: TrainingRun) -> TrainingRun:
        self._put(Outgoing("training", run.id.encode(), run.to_bytes()))
        return run

    def asked(self) -> list[TrainingRequest]:
        async def read() -> list[TrainingRequest]:
            found = []
            for number in range(self.partitions):
                async for record in scan(self.broker, "training", number):
                    said = read_training(record.value or b"")
                    if isinstance(said, TrainingRequest):
                        found.append(said)
            return found

        return asyncio.run(read())

    def _put(self, *records: Outgoing) -> None:
        asyncio.run(self.broker.publish(records))


@pytest.fixture
def topics(call: Call, tmp_path: Path) -> Iterator[Topics]:  # noqa: ARG001 - it makes the home
    made = Topics(tmp_path / "home/.clawback")
    yield made
    made.broker.close()


@pytest.fixture
def enabled(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it clears first
    monkeypatch.setenv("CLAWBACK_TRAIN__ENABLED", "true")
    monkeypatch.setenv("CLAWBACK_TRAIN__MIN_PAIRS", "3")


def run(name: str = "abc", **changes: object) -> TrainingRun:
    made = TrainingRun(
        id=name.ljust(32, "0"), state="planned", base_model="Qwen/tiny", method="dpo", pairs=3,
        planned_ms=int(time.time() * 1000),
    )  # fmt: skip
    return made.model_copy(update=changes)


def test_alone_it_says_what_the_trigger_sees(call: Call, topics: Topics) -> None:
    topics.pairs("a", "b")
    said = call("train").stdout
    assert "training is off: write enabled = true under [train]" in said
    assert "2 of 200 new pairs, of 2 in all; lora dpo of Qwen/Qwen2.5-72B-Instruct" in said
    assert "starts at 200 new pairs, at least 12 h 0 min after the last start" in said
    assert "next start: 198 new pairs from now, not before" in said


@pytest.mark.usefixtures("enabled")
def test_enough_pairs_outside_the_window_say_when(
    call: Call, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour = (time.localtime().tm_hour + 2) % 24
    window = f"{hour:02}:00-{(hour + 1) % 24:02}:00"
    monkeypatch.setenv("CLAWBACK_TRAIN__WINDOW", window)
    topics.pairs("a", "b", "c")
    said = call("train").stdout
    assert f"inside {window}" in said
    assert f"{hour:02}:00 (enough pairs are there)" in said
    assert "`clawback run` is not running; nothing starts or goes on before it is" in said
    found = json.loads(call("train", "--json").stdout)
    assert (found["new"], found["there"], found["why"]) == (3, 3, "threshold")
    assert found["next_ms"] == found["earliest_ms"] > time.time() * 1000


@pytest.mark.usefixtures("enabled")
def test_a_run_under_way_and_the_last_one_are_told(call: Call, topics: Topics) -> None:
    at = topics.run(run())
    progress = TrainingProgress(step=3, steps=10, loss=0.61234, accuracy=0.75, tokens_per_s=1234)
    at = advance(advance(at, "waiting", 1), "running", 2, progress=progress, hosts=("spark1",))
    topics.run(at)
    said = call("train").stdout
    assert "run abc00000 is under way" in said
    assert "step 3 of 10, loss 0.6123, accuracy 0.75, 1,234 tokens/s" in said
    topics.run(give_up(at, "no space on spark1", 3))
    said = call("train").stdout
    assert "last run:\nrun abc00000 is failed: lora dpo of tiny, planned" in said
    assert "no space on spark1; `clawback train resume abc00000` goes on with it" in said


@pytest.mark.usefixtures("enabled")
def test_now_is_a_record_on_the_topic(call: Call, topics: Topics) -> None:
    refused = call("train", "now")
    assert refused.exit_code == 1
    assert "there are no pairs to train on yet" in refused.stderr
    assert topics.asked() == []
    topics.pairs("a")
    asked = call("train", "now")
    assert asked.exit_code == 0
    assert "asked for a run on 1 pairs, 1 of them new" in asked.stdout
    assert "`clawback run` is not running" in asked.stderr
    assert [each.request for each in topics.asked()] == ["now"]
    assert "next start: now (a person has asked for it)" in call("train").stdout


@pytest.mark.usefixtures("enabled")
def test_now_waits_for_no_run_under_way(call: Call, topics: Topics) -> None:
    topics.pairs("a")
    topics.run(run())
    refused = call("train", "now")
    assert refused.exit_code == 1
    assert "run abc00000 is under way (planned)" in refused.stderr
    assert topics.asked() == []


def test_nothing_is_asked_of_a_line_that_does_not_train(call: Call, topics: Topics) -> None:
    topics.pairs("a")
    refused = call("train", "now")
    assert refused.exit_code == 2
    assert "training is off, so nobody would see it" in refused.stderr
    assert topics.asked() == []


@pytest.mark.usefixtures("enabled")
def test_a_failed_run_is_resumed(call: Call, topics: Topics) -> None:
    failed = topics.run(give_up(run(), "no space", 1))
    assert call("train", "resume", "abc").exit_code == 0
    (asked,) = topics.asked()
    assert (asked.request, asked.run) == ("resume", failed.id)
    assert "a person has asked for a run to go on" in call("train").stdout


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("state", "candidate", "said"),
    [
        ("running", "", "is not over: it is running"),
        ("refused", "m1", "was refused by the gate: worse; `clawback models promote m1`"),
        ("promoted", "m1", "is over: its model was promoted"),
    ],
)
def test_no_other_run_is(call: Call, topics: Topics, state: str, candidate: str, said: str) -> None:
    topics.run(run(state=state, candidate=candidate, reason="worse"))
    refused = call("train", "resume", "abc")
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert topics.asked() == []


@pytest.mark.usefixtures("enabled")
def test_the_run_under_way_is_stopped(call: Call, topics: Topics) -> None:
    nothing = call("train", "stop")
    assert nothing.exit_code == 1
    assert "no run is under way" in nothing.stderr
    at = topics.run(run())
    assert call("train", "stop").exit_code == 0
    assert call("train", "stop", "abc0").exit_code == 0
    assert [(each.request, each.run) for each in topics.asked()] == [("stop", at.id)] * 2
    topics.run(give_up(at, "stopped", 1))
    over = call("train", "stop", "abc0")
    assert over.exit_code == 1
    assert "is over: it is failed" in over.stderr


def test_runs_are_listed_and_shown(call: Call, topics: Topics) -> None:
    assert "no run was ever planned" in call("train", "list").stdout
    topics.run(give_up(run("aaa", planned_ms=1), "no space; pip install -e '.[train]'", 1))
    topics.run(run("abb", planned_ms=2, state="promoted", candidate="c1", snapshot="f1"))
    listed = [json.loads(line) for line in call("train", "list", "--json").stdout.splitlines()]
    assert [each["state"] for each in listed] == ["promoted", "failed"]
    shown = call("train", "list").stdout
    assert "is promoted" in shown
    assert "no space; pip install -e '.[train]'" in shown
    folder = topics.home / "training" / listed[0]["id"]
    (folder / "tensorboard").mkdir(parents=True)
    (folder / "plan.json").touch()
    said = call("train", "show", "ab").stdout
    assert "run abb00000 is promoted" in said
    assert "made model c1" in said
    assert f"tensorboard --logdir {folder / 'tensorboard'}" in said
    shown = json.loads(call("train", "show", "ab", "--json").stdout)
    assert sorted(shown["files"]) == ["plan", "tensorboard"]
    assert (shown["state"], shown["folder"]) == ("promoted", str(folder))


def test_a_run_that_is_not_there_or_not_the_only_one_is_said(call: Call, topics: Topics) -> None:
    topics.run(run("aaa"))
    topics.run(run("aab"))
    none = call("train", "show", "f")
    assert none.exit_code == 1
    assert "no run begins with 'f'; `clawback train list` shows them" in none.stderr
    several = call("train", "show", "aa")
    assert several.exit_code == 2
    assert "several runs begin with 'aa': aaa000000000, aab000000000" in several.stderr


def test_mistakes_in_the_settings_are_said(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAWBACK_TRAIN__SCHEDULE", "every night")
    wrong = call("train")
    assert wrong.exit_code == 2
    assert "'every night' is no cron expression" in wrong.stderr


@pytest.mark.usefixtures("enabled")
def test_the_status_tells_of_the_run_under_way(call: Call, topics: Topics) -> None:
    assert json.loads(call("status", "--json").stdout)["training"] is None
    progress = TrainingProgress(step=3, steps=10, loss=0.61, accuracy=0.75, tokens_per_s=1234)
    at = run(state="running", progress=progress, hosts=("spark1",))
    state = TrainingState(1, 5, 200, run=describe_run(at, "trains", 4000.0))
    write_training(topics.home, state)
    said = " ".join(call("status").stdout.split())
    assert "training: run abc00000 is running (lora dpo of tiny)" in said
    assert "step 3 of 10, loss 0.61, accuracy 0.75, 1,234 tokens/s, 67 min left" in said
    assert "goes on when `clawback run` does" in said
    assert "5 of 200 new examples for the next" in said
    found = json.loads(call("status", "--json").stdout)["training"]
    assert (found["new"], found["run"]["step"], found["run"]["seconds_left"]) == (5, 3, 4000.0)


@pytest.mark.usefixtures("enabled")
def test_the_status_says_why_a_run_waits(call: Call, topics: Topics) -> None:
    soon = int(time.time() * 1000) + 600_500
    at = run(state="waiting", reason="spark1 has 3 of 90 GB free", retry_ms=soon)
    write_training(topics.home, TrainingState(1, 5, 200, run=describe_run(at, "", None)))
    said = " ".join(call("status").stdout.split())
    assert "spark1 has 3 of 90 GB free goes on in 10 min" in said
