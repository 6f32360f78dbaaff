"""Forgetting on a line that has run: afterwards no file holds what was forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.generation import Generation
from schemas.pair import ChatMessage
from schemas.topics import TRAINING
from schemas.training import TrainingRun, run_id
from streams.embedded.log import Log
from streams.embedded.records import Entry
from streams.supervisor.lock import HomeLock
from tests.support.sessions import Session, iso

REPOSITORY = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "from streams.cli import main; main()"]
PHRASE = "meet Ada at the Nightjar"
START = 1_772_000_000_000


class Line:
    """A line with a home and sessions of its own below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions = folder / "openclaw/agents/main/sessions"
        self.sessions.mkdir(parents=True)
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith("CLAWBACK_")
        } | {
            "HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            "CLAWBACK_PATHS__HOME": str(folder / "home"),
            "CLAWBACK_PATHS__OUTPUT": str(folder / "output"),
            "CLAWBACK_PATHS__OPENCLAW": str(folder / "openclaw"),
            "CLAWBACK_TAIL__QUIET": "1s",
            "CLAWBACK_TAIL__ABANDONED": "2s",
        }

    def call(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environ,
            timeout=90,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def run(self) -> None:
        self.call("run", "--until-idle", "--idle", "5", "--quiet")

    def write(self, session: Session) -> None:
        (self.sessions / f"{session.id}.jsonl").write_bytes(session.data)

    def offer(self, session: str, *about: str) -> None:
        """Write a session's trajectory, in which tools with these descriptions are offered."""
        tools = [
            {"name": f"tool{n}", "description": each, "parameters": {"type": "object"}}
            for n, each in enumerate(about)
        ]
        event = {"type": "context.compiled", "ts": iso(START), "data": {"tools": tools}}
        path = self.sessions / f"{session}.trajectory.jsonl"
        path.write_text(json.dumps(event) + "\n")

    def holding(self, text: str) -> list[str]:
        """The files of the home and the output that have the text among their bytes."""
        return sorted(
            str(path.relative_to(self.folder))
            for root in ("home", "output")
            for path in (self.folder / root).rglob("*")
            if path.is_file() and text.encode() in path.read_bytes()
        )

    def turns(self, field: str = "session") -> dict[str, str]:
        """The session of each turn in the turn files, by its request."""
        return {
            turn["request"]: turn[field]
            for path in sorted((self.folder / "output/turns").glob("*.jsonl"))
            for turn in map(json.loads, path.read_text().splitlines())
        }

    @property
    def log(self) -> Path:
        return self.folder / "home/log/clawback.db"


def conversation(name: str, start: int, said: str) -> Session:
    """A session of three turns in which the second speaks of `said`."""
    made = Session(name, start)
    for number, asked in enumerate(("is the car charged?", f"note: {said}", "add milk to it")):
        made.user(f"{asked} ({name} {number})")
        (call,) = made.assistant("On it.", (("exec", {"command": f"note '{asked}'"}),))
        made.result(call, "exec", f"noted: {asked}\n" * 3, exit_code=0)
        made.assistant(f"Done: {asked}.")
        made.wait(60_000)
    return made


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line that has run over three sessions; the tests below go on from one another."""
    made = Line(tmp_path_factory.mktemp("line"))
    made.write(conversation("alpha", START, "buy a lamp"))
    made.write(conversation("beta", START + 10_000_000, PHRASE))
    made.write(conversation("gamma", START + 20_000_000, "call the plumber"))
    made.offer("beta", "Runs a command.", f"Remembers that we {PHRASE}.")
    made.offer("gamma", "Runs a command.")
    made.run()
    assert len(made.turns()) == 9
    assert made.holding(PHRASE)
    return made


def test_a_running_line_is_not_touched(line: Line) -> None:
    lock = HomeLock(line.folder / "home")
    lock.acquire()
    before = line.log.read_bytes()
    assert "stop it first" in line.call("forget", "beta", "--yes", code=5)
    lock.release()
    assert line.log.read_bytes() == before


def test_a_dry_run_changes_nothing_and_says_what_would_go(line: Line) -> None:
    before = line.holding(PHRASE)
    found = json.loads(line.call("forget", PHRASE, "--dry-run", "--json"))
    assert found["kind"] == "text"
    assert found["sessions"] == ["beta"]
    assert found["lines"] == 4
    assert found["records"]["clawback.turns"] == found["turns"] == 2
    assert found["records"]["clawback.tools"] == 1
    assert found["trained"] == []
    assert line.holding(PHRASE) == before
    assert not (line.folder / "home/privacy/forgotten.jsonl").exists()


def test_nothing_of_a_text_is_left_in_any_file(line: Line) -> None:
    line.call("forget", PHRASE, "--yes")
    assert line.holding(PHRASE) == []
    turns = line.turns()
    assert len(turns) == 7
    assert sorted(set(turns.values())) == ["alpha", "beta", "gamma"]


def test_it_does_not_come_back_when_the_files_are_read_again(line: Line) -> None:
    for path in (line.folder / "home/tail").glob("*.db*"):
        path.unlink()
    fork = (line.sessions / "beta.jsonl").read_bytes()
    (line.sessions / "delta.jsonl").write_bytes(fork)
    line.run()
    assert line.holding(PHRASE) == []
    assert {"alpha", "beta", "gamma"} <= set(line.turns().values())


def test_a_session_goes_as_a_whole_and_the_others_stay(line: Line) -> None:
    said = "plumber"
    assert line.holding(said)
    made = Generation(
        id="g",
        turn_id=line.turns("id")["note: call the plumber (gamma 1)"],
        side="rejected",
        decision=1,
        model="helper",
        message=ChatMessage(role="assistant", content="Halley and the others"),
        panel="default",
    )
    log = Log(line.log)
    log.append_many([Entry("clawback.generations", 0, 1000, b"t", made.to_bytes())])
    log.close()
    assert line.holding("Halley")
    found = json.loads(line.call("forget", "gamma", "--yes", "--json"))
    assert found["kind"] == "session"
    assert found["records"]["clawback.turns"] == 3
    assert found["records"]["clawback.generations"] == 1
    assert found["records"]["clawback.tools"] >= 1
    assert line.holding(said) == line.holding("Halley") == []
    assert "gamma" not in line.turns().values()
    # OpenClaw goes on writing to it, and the line goes on with the others.
    line.write(conversation("gamma", START + 20_000_000, "call the plumber twice"))
    line.write(conversation("epsilon", START + 40_000_000, "buy a chair"))
    line.offer("gamma", "Calls the plumber.")
    line.run()
    assert line.holding(said) == []
    assert sum(session == "epsilon" for session in line.turns().values()) == 3
    assert sum(session == "alpha" for session in line.turns().values()) == 3


def test_a_file_of_ones_own_that_still_holds_it_is_named(line: Line) -> None:
    own = line.folder / "output/notes.txt"
    own.write_text("x" * (1 << 20) + PHRASE)
    found = json.loads(line.call("forget", PHRASE, "--yes", "--json"))
    assert found["still_in"] == [str(own)]
    own.unlink()


def test_what_a_killed_snapshot_has_left_goes(line: Line) -> None:
    left = line.folder / "output/snapshots/.making-1"
    (left / "data/pairs").mkdir(parents=True)
    (left / "data/pairs/train.parquet").write_text("compressed")
    (left / "manifest.json").write_text("{}")
    found = json.loads(line.call("forget", "nobody said this", "--dry-run", "--json"))
    assert (found["snapshots_unfinished"], found["snapshots_not_changed"]) == ([str(left)], [])
    assert left.exists()
    assert f"removed: {left}, a snapshot" in line.call("forget", "nobody said this", "--yes")
    assert not left.exists()


def test_a_home_that_is_not_there_has_nothing_and_is_not_made(line: Line) -> None:
    home = line.folder / "nowhere"
    line.environ["CLAWBACK_PATHS__HOME"] = str(home)
    try:
        assert "nothing to forget" in line.call("forget", "beta", "--yes", code=1)
    finally:
        line.environ["CLAWBACK_PATHS__HOME"] = str(line.folder / "home")
    assert not home.exists()


def test_forgetting_twice_finds_nothing(line: Line) -> None:
    assert "nothing here is of" in line.call("forget", PHRASE, "--yes")


def test_the_list_of_what_was_forgotten_holds_no_text(line: Line) -> None:
    kept = (line.folder / "home/privacy/forgotten.jsonl").read_text()
    assert "gamma" in kept
    assert "Nightjar" not in kept


def test_other_mistakes_are_said(line: Line) -> None:
    assert "no regular expression" in line.call("forget", "--regex", "(", "-y", code=2)
    assert "matches everything" in line.call("forget", "--regex", ".*", "-y", code=2)
    assert "--json does not ask" in line.call("forget", "x", "--json", code=2)


def test_models_that_may_have_seen_it_are_named(line: Line) -> None:
    log = Log(line.log)
    one = TrainingRun(
        id=run_id("f00d", "qwen", "dpo", "lora"),
        state="promoted",
        snapshot="f00d",
        base_model="qwen",
        method="dpo",
        pairs=1,
    )
    pair = b'{"chosen":{"turn_id":"x"},"prompt":[{"role":"user","content":"Zanzibar trip"}]}'
    log.append_many([Entry("clawback.pairs", 0, 1000, b"p", pair)])
    log.append_many([Entry(f"clawback.{TRAINING}", 0, 2000, b"r", one.to_bytes())])
    log.close()
    found = json.loads(line.call("forget", "Zanzibar", "--yes", "--json"))
    assert [(run["base_model"], run["sure"]) for run in found["trained"]] == [("qwen", False)]
    assert line.holding("Zanzibar") == []
