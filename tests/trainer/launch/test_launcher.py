"""A launch from its start to its end, on this machine and on others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys

import pytest

from tests.trainer.launch.conftest import PATIENCE, Field
from trainer.launch.__main__ import main
from trainer.launch.ending import CODES, ending_of, read_progress


def test_a_run_on_this_machine_leaves_its_results_and_nothing_else(field: Field) -> None:
    ending = field.run(field.launch(field.here(devices=2)))
    assert ending.kind == "done"
    assert (field.folder / "model" / "weights").stat().st_size == 100_000
    progress = read_progress(field.folder)
    assert progress is not None
    assert progress.phase == "ended"
    assert progress.ending == ending
    logs = {path.name: path.read_text() for path in (field.folder / "logs").glob("*.log")}
    assert logs["here.0.log"] == "rank 0 of 2 at work\n"
    assert logs["here.1.log"] == "rank 1 of 2 at work\n"


def test_ranks_find_in_their_environment_what_they_were_promised(field: Field) -> None:
    field.run(field.launch(field.here(threads=3), offline=False))
    told = json.loads((field.folder / "done.json").read_text())["environment"]
    assert told["OMP_NUM_THREADS"] == "3"
    assert told["DS_ACCELERATOR"] == "cpu"
    assert told["MALLOC_MMAP_THRESHOLD_"] == "1048576"
    assert told["MASTER_ADDR"] == "127.0.0.1"
    assert told["GLOO_SOCKET_IFNAME"] in ("lo", "lo0")


def test_a_remote_host_is_sent_what_it_needs_and_its_results_come_back(field: Field) -> None:
    home = field.host("spark1")
    ending = field.run(field.launch(field.there("spark1")))
    assert ending.kind == "done"
    # Rank 0 counts the rows of the snapshot that it was sent.
    assert json.loads((field.folder / "metrics.jsonl").read_text())["loss"] == 2
    assert (field.folder / "model" / "weights").stat().st_size == 100_000
    assert (field.folder / "logs" / "spark1.0.log").read_text() == "rank 0 of 1 at work\n"
    job = json.loads((home / "training" / "run1" / "job.json").read_text())
    assert job["output"] == str(home / "training" / "run1")
    assert job["snapshot"] == str(home / "training" / "run1" / "snapshot")
    # Nobody else on that host may read what people have said.
    assert (home / "training").stat().st_mode & 0o077 == 0


def test_logs_and_metrics_of_a_remote_host_come_while_it_runs(field: Field) -> None:
    field.host("spark1")
    process = field.start(field.launch(field.there("spark1"), do="wait"))
    field.until((field.folder / "metrics.jsonl").exists)
    field.until((field.folder / "logs" / "spark1.0.log").exists)
    process.terminate()
    process.communicate(timeout=PATIENCE)


def test_several_hosts_are_one_run(field: Field) -> None:
    homes = [field.host("spark1"), field.host("spark2")]
    nodes = (field.there("spark1", devices=2), field.there("spark2", devices=2))
    assert field.run(field.launch(*nodes)).kind == "done"
    logs = sorted(path.name for path in (field.folder / "logs").glob("*.[0-9].log"))
    assert logs == ["spark1.0.log", "spark1.1.log", "spark2.2.log", "spark2.3.log"]
    assert all((home / "training" / "run1" / "snapshot").is_dir() for home in homes)


def test_the_second_attempt_does_not_stumble_over_the_first_ones_traces(field: Field) -> None:
    field.host("spark1")
    first = field.run(field.launch(field.there("spark1"), do="say"))
    assert (first.reason, first.retry) == ("spark1, rank 0: no row is left", False)
    assert field.run(field.launch(field.there("spark1"))).kind == "done"
    assert field.reason() == ""


def test_a_finished_run_is_not_run_again(field: Field) -> None:
    field.host("spark1")
    assert field.run(field.launch(field.there("spark1"))).kind == "done"
    shutil.rmtree(field.folder / "model")
    (field.folder / "logs" / "spark1.0.log").unlink()
    assert field.run(field.launch(field.there("spark1"))).kind == "done"
    assert (field.folder / "model" / "weights").exists()
    assert not (field.folder / "logs" / "spark1.0.log").exists()


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("fail:1", "here, rank 1: ValueError: the loss is not a number"),
        ("say:0", "here, rank 0: no row is left"),
        ("nothing", "here: the ranks ended without a word, and left no done.json"),
    ],
)
def test_the_reason_of_a_failure_is_one_line_that_names_the_rank(
    field: Field, do: str, reason: str
) -> None:
    ending = field.run(field.launch(field.here(devices=2), do=do))
    assert (ending.kind, ending.reason) == ("failed", reason)
    assert field.reason() == reason


def test_one_failing_host_ends_the_others(field: Field) -> None:
    field.host("spark1")
    field.host("spark2")
    ending = field.run(field.launch(field.there("spark1"), field.there("spark2"), do="fail:1"))
    assert ending.reason == "spark2, rank 1: ValueError: the loss is not a number"


def test_a_clean_stop_ends_the_ranks_and_says_so(field: Field) -> None:
    home = field.host("spark1")
    process = field.start(field.launch(field.here(), field.there("spark1"), do="wait"))
    field.until_ranks(field.folder, home / "training" / "run1", count=2)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == CODES["stopped"]
    assert ending_of(field.folder, process.returncode).kind == "stopped"
    assert field.processes() == {}


def test_ranks_that_are_deaf_to_it_are_killed(field: Field) -> None:
    process = field.start(field.launch(field.here(devices=2), do="deaf", grace=0.5))
    field.until_ranks(field.folder, count=2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == CODES["stopped"]
    assert field.processes() == {}


def test_the_end_of_the_leash_is_a_stop(field: Field) -> None:
    process = field.start(field.launch(do="wait"), "--leash")
    field.until_ranks(field.folder, count=1)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == CODES["stopped"]
    assert "gone" in field.reason()
    assert field.processes() == {}


def test_a_run_that_writes_no_log_is_reported_and_left_alone(field: Field) -> None:
    process = field.start(field.launch(do="wait", quiet=1))

    def told() -> bool:
        progress = read_progress(field.folder)
        return progress is not None and "here: no log has been written to" in progress.note

    field.until(told)
    assert process.poll() is None


def test_a_second_launcher_of_the_same_run_waits_for_the_first_ones_end(field: Field) -> None:
    first = field.start(field.launch(do="wait"))
    field.until_ranks(field.folder, count=1)
    old = (field.folder / "pid.0").read_text()
    second = field.start(field.launch(do="train"))
    first.terminate()
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert (field.folder / "pid.0").read_text() != old


def test_a_launch_that_cannot_be_read_is_one_line(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    path = field.launch().write()
    path.write_text('{"run": "x"}')
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [f"clawback: {path}: folder: Field required"]


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("/nowhere/python", "/nowhere/python does not run there: "),
        (sys.executable, "has no no-such-package; ssh me@spark1, then in a copy of this project: "),
    ],
)
def test_what_a_host_lacks_is_said_before_anything_starts(
    field: Field, python: str, says: str
) -> None:
    field.host("spark1")
    node = field.there("spark1").model_copy(update={"python": python})
    ending = field.run(field.launch(field.here(), node, packages=("no-such-package",)))
    assert ending.kind == "unready"
    assert "spark1: " in ending.reason
    assert says in ending.reason
    assert list((field.folder / "logs").iterdir()) == []


def test_a_host_that_is_not_there_is_said_with_sshs_own_words(field: Field) -> None:
    field.host("spark1")
    field.host("spark2", unreachable="")
    ending = field.run(field.launch(field.there("spark1"), field.there("spark2")))
    assert ending.kind == "unready"
    assert ending.reason == (
        "spark2: ssh me@spark2 fails: ssh: connect to host spark2 port 22: No route to host"
    )


def test_a_host_that_does_not_answer_is_not_waited_for_for_ever(field: Field) -> None:
    field.host("spark1", slow="30")
    ending = field.run(field.launch(field.there("spark1"), checking=1.0))
    assert (ending.kind, ending.reason) == ("unready", "spark1: no answer within 1 s")


def test_a_slow_host_is_waited_for(field: Field) -> None:
    field.host("spark1", slow="0.5")
    assert field.run(field.launch(field.there("spark1"))).kind == "done"


def test_a_cut_connection_ends_the_ranks_on_both_sides(field: Field) -> None:
    home = field.host("spark1")
    process = field.start(field.launch(field.here(), field.there("spark1"), do="wait"))
    field.until_ranks(field.folder, home / "training" / "run1", count=2)
    (home / "unreachable").touch()
    ssh = next(pid for pid, line in field.processes().items() if "fakessh" in line)
    os.kill(ssh, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == CODES["failed"]
    assert "spark1" in field.reason()
    field.until_nothing_is_left()
