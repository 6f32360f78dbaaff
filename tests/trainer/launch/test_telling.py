"""From settings to what each host is told; nothing is started here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Host, Paths, Settings, Train
from trainer.job import Job
from trainer.launch.blame import Failure, blamed, why, worst
from trainer.launch.commands import environment, job_for, order, torchrun_arguments
from trainer.launch.found import Found, lacks, read_found, unlike
from trainer.launch.hostfile import hostfile, read_hostfile
from trainer.launch.launch import Launch, Unlaunchable, launch_of, reached_at
from trainer.launch.reach import on_node

FOLDER = Path("/home/me/.clawback/training/run1")


def launch(*hosts: Host, train: Train | None = None, **fields: Any) -> Launch:
    settings = Settings(
        paths=Paths(home=Path("/home/me/.clawback")), hosts=hosts, train=train or Train()
    )
    values = {"tuning": "lora", "model": "/models/q", "accelerator": "cuda", **fields}
    job = Job(run="run1", method="dpo", snapshot=Path("/snap"), output=FOLDER, **values)
    return launch_of(settings, "run1", FOLDER, job)


SPARKS = (
    Host(name="one", address="me@spark1", interface="10.0.0.1", network="enp1s0f0np0"),
    Host(name="two", address="me@spark2", devices=2, python="~/venv/bin/python"),
)


def test_without_hosts_it_is_this_machine_and_this_interpreter() -> None:
    (node,) = launch().nodes
    assert (node.name, node.address, node.meeting) == ("here", "", "127.0.0.1")
    assert node.python == sys.executable
    assert node.folder == str(FOLDER)


def test_a_remote_host_has_a_folder_and_an_interpreter_of_its_own() -> None:
    one, two = launch(*SPARKS, train=Train(python="/opt/train/bin/python")).nodes
    assert one.python == "/opt/train/bin/python"
    assert two.python == "~/venv/bin/python"
    assert one.folder == "~/.clawback/training/run1"
    # This machine's own interpreter is never taken for another one's.
    assert launch(*SPARKS).nodes[0].python == "python3"


def test_this_machine_among_others_must_be_reachable_by_them() -> None:
    with pytest.raises(Unlaunchable, match=r"host 'mac' is this machine .* set its interface"):
        launch(Host(name="mac"), *SPARKS)
    assert launch(Host(name="mac", interface="10.0.0.9"), *SPARKS).nodes[0].meeting == "10.0.0.9"


def test_each_host_gets_its_own_torchrun_command() -> None:
    two = launch(*SPARKS)
    assert torchrun_arguments(two, 1, 29_501) == [
        "--nnodes=2",
        "--node-rank=1",
        "--nproc-per-node=2",
        "--master-addr=10.0.0.1",
        "--master-port=29501",
        "--max-restarts=0",
        "--module",
        "trainer.launch.rank",
        "trainer.rank",
    ]


def test_the_environment_names_the_network_interface_and_spares_the_hub() -> None:
    told = environment(launch(*SPARKS), 0)
    assert told["NCCL_SOCKET_IFNAME"] == told["GLOO_SOCKET_IFNAME"] == "enp1s0f0np0"
    assert told["HF_HUB_OFFLINE"] == "1"
    assert "DS_ACCELERATOR" not in told
    bare = environment(launch(*SPARKS, model="Qwen/Qwen2.5-72B-Instruct", accelerator="cpu"), 1)
    assert bare["DS_ACCELERATOR"] == "cpu"
    assert not {"NCCL_SOCKET_IFNAME", "HF_HUB_OFFLINE"} & bare.keys()


def test_a_hosts_job_has_its_own_paths_and_is_the_same_otherwise() -> None:
    two = launch(*SPARKS)
    job = job_for(two, two.nodes[1], "/home/you/.clawback/training/run1")
    assert str(job.output) == "/home/you/.clawback/training/run1"
    assert str(job.snapshot) == "/home/you/.clawback/training/run1/snapshot"
    assert job.model_dump(exclude={"output", "snapshot"}) == two.job.model_dump(
        exclude={"output", "snapshot"}
    )
    told = order(two, 1, 29_500, "/home/you/.clawback/training/run1")
    assert (told["mirror"], told["first"], told["alone"]) == (True, False, False)


def test_a_launch_reads_as_it_was_written(tmp_path: Path) -> None:
    two = launch(*SPARKS).model_copy(update={"folder": tmp_path})
    assert Launch.model_validate_json(two.write().read_bytes()) == two


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("spark1", "spark1"),
        ("me@spark1", "spark1"),
        ("ssh://me@spark1:2222", "spark1"),
        ("me@fe80::1", "fe80::1"),
        ("ssh://me@[fe80::1]:22", "fe80::1"),
    ],
)
def test_the_host_of_an_ssh_address(address: str, host: str) -> None:
    assert reached_at(address) == host


def test_what_ssh_runs_is_quoted_for_the_shell_there() -> None:
    node = launch(*SPARKS).nodes[1]
    command = on_node(node, ["~/my venv/python", "-c", "print('$HOME')"], 10)
    assert command[0] == "ssh"
    assert command[-3:-1] == ["--", "me@spark2"]
    assert command[-1] == """exec ~/'my venv/python' -c 'print('"'"'$HOME'"'"')'"""
    assert "BatchMode=yes" in command


def test_a_hostfile_is_read_as_it_is_written() -> None:
    nodes = launch(*SPARKS).nodes
    assert hostfile(nodes) == "me@spark1 slots=1\nme@spark2 slots=2\n"
    assert read_hostfile(hostfile(nodes)) == {"me@spark1": 1, "me@spark2": 2}
    assert read_hostfile("# mine\n\nspark1\n") == {"spark1": 1}


@pytest.mark.parametrize("text", ["a slots=x", "a slots=0", "a slots=1 b", "a\na slots=2"])
def test_a_hostfile_with_a_mistake_names_the_line(text: str) -> None:
    with pytest.raises(Unlaunchable, match=r"line [12] of the hostfile"):
        read_hostfile(text)


GOOD = Found(
    python="3.12.3",
    folder="/home/you/run1",
    versions={"torch": "2.13.0", "trl": "1.16.0"},
    modules={"trainer.rank": True},
    files={"/models/q": True},
    done=False,
    rsync=True,
    port=29_500,
    gpus=2,
)


def test_what_is_missing_is_named_with_what_to_do() -> None:
    two = launch(*SPARKS)
    assert lacks(two, two.nodes[0], GOOD) == []
    poor = GOOD.model_copy(
        update={"versions": {"torch": "", "trl": "1.16.0"}, "modules": {"trainer.rank": False}}
    )
    (line,) = lacks(two, two.nodes[1], poor)
    assert "two: ~/venv/bin/python (Python 3.12.3) has no clawback, torch;" in line
    assert "~/venv/bin/python -m pip install -e '.[train]'" in line
    (line,) = lacks(two, two.nodes[1], GOOD.model_copy(update={"files": {"/m": False}}))
    assert line == "two: there is no /m to train; copy it there (rsync -a /m/ me@spark2:/m/)"
    (line,) = lacks(two, two.nodes[1], GOOD.model_copy(update={"gpus": 1}))
    assert line == "two: nvidia-smi lists 1 GPUs and devices is 2"


def test_hosts_with_different_versions_of_torch_do_not_train_together() -> None:
    two = launch(*SPARKS)
    other = GOOD.model_copy(update={"versions": {"torch": "2.15.0", "trl": "1.15.0"}})
    assert unlike(two, {"one": GOOD, "two": GOOD}) == []
    assert unlike(two, {"one": GOOD, "two": other}) == [
        "torch must be the same everywhere: 2.13.0 on one, 2.15.0 on two"
    ]


def test_a_hosts_answer_is_found_among_what_its_shell_prints() -> None:
    assert read_found(f"Welcome!\n\nclawback-host: {GOOD.model_dump_json()}\n") == GOOD
    assert read_found("Welcome!\n") is None
    assert read_found("clawback-host: {}\n") is None


def test_a_rank_that_was_killed_is_blamed_before_one_that_missed_it() -> None:
    assert blamed({}) is None
    assert blamed({0: 1, 1: -9}) == 1
    assert blamed({1: -15, 3: 1}) == 1
    lost = Failure("one", {0: 1}, "RuntimeError: Connection closed by peer [10.0.0.2]:4711")
    own = Failure("two", {1: 1}, "ValueError: no row")
    assert worst([lost, own]) == own
    assert worst([lost, Failure("two", {1: -9}, "was killed")]).node == "two"
    assert str(worst([lost])) == (
        "one, rank 0: RuntimeError: Connection closed by peer [10.0.0.2]:4711"
    )


@pytest.mark.parametrize(
    ("code", "said", "lines", "reason"),
    [
        (1, "no row is left", ["x"], "no row is left"),
        (-9, "", ["step 3"], "was killed by SIGKILL (out of memory?)"),
        (-11, "", [], "was killed by SIGSEGV"),
        (137, "", [], "was killed by SIGKILL (out of memory?)"),
        (1, "", ["[rank0]: torch.OutOfMemoryError: CUDA", "[W] warning"],
         "torch.OutOfMemoryError: CUDA"),
        (1, "", ["python: can't open file", ""], "python: can't open file"),
        (3, "", [], "ended with exit code 3"),
    ],
)  # fmt: skip
def test_why_a_process_ended(code: int, said: str, lines: list[str], reason: str) -> None:
    assert why(code, said, lines) == reason
