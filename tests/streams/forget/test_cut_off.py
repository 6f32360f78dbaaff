"""A forgetting that is cut off at any point is finished by forgetting the same once more."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from schemas.settings import Paths, Settings
from sinks import atomic
from streams.broker import log_path
from streams.embedded.log import Log
from streams.forget import files, forget, keeper
from streams.forget.home import journal_path
from streams.forget.keeper import EmbeddedKeeper
from streams.status import checks
from tests.faults.disk import read_only
from tests.streams.forget.test_line import START, Line
from tests.support.pairing import pairing

SESSIONS = pairing(3, START)
GONE = SESSIONS[1].id
SAID = "boiler"
"""What only that session speaks of."""


class Killed(BaseException):
    """Ends everything, as SIGKILL does."""


def kill(*_: object, **__: object) -> None:
    raise Killed


def kill_at_second_file(patch: pytest.MonkeyPatch) -> None:
    done: list[Path] = []

    def once(path: Path) -> None:
        if done:
            raise Killed
        done.append(path)

    def replace(path: Path, chunks: object, seen: object) -> object:
        once(path)
        return atomic.replace(path, chunks, seen)  # type: ignore[arg-type]

    def remove(path: Path, seen: object) -> None:
        once(path)
        atomic.remove(path, seen)  # type: ignore[arg-type]

    patch.setattr(files, "replace", replace)
    patch.setattr(files, "remove", remove)


CUTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "list written": lambda patch: patch.setattr(EmbeddedKeeper, "remove", kill),
    "journal written": lambda patch: patch.setattr(keeper, "rewrite", kill),
    "log rewritten": lambda patch: patch.setattr(forget, "remove_tree", kill),
    "tables removed": lambda patch: patch.setattr(forget, "rewrite_files", kill),
    "files half done": kill_at_second_file,
    "files done": lambda patch: patch.setattr(EmbeddedKeeper, "finished", kill),
}


def settings(line: Line) -> Settings:
    home, output = line.folder / "home", line.folder / "output"
    return Settings(paths=Paths(home=home, output=output))


def run(line: Line, given: str) -> None:
    made = settings(line)
    with closing(Log(log_path(made))) as log:
        kept = EmbeddedKeeper(log, made.paths.home)
        target = forget.make_target(made.paths.home, kept.records, given)
        forget.forget(made, kept, target)


def state(line: Line) -> dict[str, object]:
    """All records, and what there is in the output and of tables."""
    found: dict[str, object] = {}
    with closing(Log(log_path(settings(line)))) as log:
        for topic in log.topics():
            for number in range(topic.partitions):
                found[f"{topic.name}/{number}"] = list(log.read(topic.name, number, 0))
    output = line.folder / "output"
    for path in output.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(output))] = path.read_bytes()
    found["tables"] = (line.folder / "home/tables").exists()
    return found


def copy(line: Line, folder: Path) -> Line:
    made = Line(folder)
    for name in ("home", "output"):
        shutil.copytree(line.folder / name, folder / name)
    return made


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line that has run; the tests work on copies of it."""
    made = Line(tmp_path_factory.mktemp("line"))
    for session in SESSIONS:
        made.write(session)
    made.run()
    pairs = (made.folder / "output/pairs/pairs.jsonl").read_text()
    assert GONE in pairs
    assert GONE in made.turns().values()
    return made


@pytest.fixture(scope="module", params=[GONE, SAID], ids=["session", "text"])
def given(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def undisturbed(
    line: Line, given: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, object]:
    made = copy(line, tmp_path_factory.mktemp("undisturbed"))
    run(made, given)
    assert made.holding(SAID) == []
    assert not journal_path(made.folder / "home").exists()
    return state(made)


@pytest.mark.parametrize("cut", CUTS)
def test_forgetting_the_same_once_more_finishes_it(
    line: Line, given: str, undisturbed: dict[str, object], cut: str, tmp_path: Path
) -> None:
    made = copy(line, tmp_path)
    before = state(made)
    with pytest.MonkeyPatch.context() as patch:
        CUTS[cut](patch)
        with pytest.raises(Killed):
            run(made, given)
    assert before != undisturbed != state(made) or cut == "files done"
    if cut != "list written":
        assert "`clawback forget --resume`" in made.call("run", "--until-idle", code=1)
        assert [found.level for found in checks.forgetting(made.folder / "home")] == ["problem"]
    said = made.call("forget", given, "--yes")
    assert "removed as the" in said
    assert "records of clawback.turns" in said
    assert state(made) == undisturbed
    assert made.holding(SAID) == []
    assert not journal_path(made.folder / "home").exists()


def test_what_was_cut_off_is_finished_before_something_else_is_forgotten(
    line: Line, given: str, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    made = copy(line, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        CUTS["tables removed"](patch)
        with pytest.raises(Killed):
            run(made, given)
    assert "cut off" in made.call("forget", "nobody said this", "--dry-run", code=1)
    assert "nothing here is of the text" in made.call("forget", "nobody said this", "--yes")
    assert state(made) == undisturbed


def test_a_session_is_known_by_the_list_when_nothing_else_tells(line: Line, tmp_path: Path) -> None:
    made = copy(line, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        CUTS["tables removed"](patch)
        with pytest.raises(Killed):
            run(made, GONE)
    journal_path(made.folder / "home").unlink()
    assert "removed as the session" in made.call("forget", GONE, "--yes")
    assert GONE not in made.turns().values()
    assert GONE not in (made.folder / "output/pairs/pairs.jsonl").read_text()
    assert "nothing here is of the session" in made.call("forget", GONE, "--yes")


def test_an_output_that_can_not_be_written_is_said_and_finished_later(
    line: Line, given: str, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    made = copy(line, tmp_path)
    with read_only(made.folder / "output"):
        assert "can't" in made.call("forget", given, "--yes", code=1)
    made.call("forget", given, "--yes")
    assert state(made) == undisturbed
