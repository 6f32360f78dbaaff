"""The same over a real sshd on loopback, where one is installed."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trainer.launch.conftest import PATIENCE, Field
from trainer.launch.ending import CODES
from trainer.launch.launch import Node

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(SSHD is None, reason="no sshd on this machine")


@pytest.fixture
def remote(field: Field) -> Iterator[Node]:
    """A node that is this machine, behind a sshd of its own."""
    folder = field.root / "sshd"
    folder.mkdir(mode=0o700)
    for key in ("host", "mine"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)]
        subprocess.run(made, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = f"PATH={field.environment['PATH']} PYTHONPATH={field.environment['PYTHONPATH']}"
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/mine.pub\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        f"SetEnv {environment} CLAWBACK_TEST={field.root}\n"
    )
    host = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    (folder / "ssh_config").write_text(
        f"Host spark1\n HostName 127.0.0.1\n Port {port}\n User {getpass.getuser()}\n"
        f" IdentityFile {folder}/mine\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {folder}/known_hosts\n"
    )
    program = Path(field.root / "bin" / "ssh")
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh_config "$@"\n')
    assert SSHD is not None
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log, env=os.environ
        )
    try:
        field.until(lambda: "listening" in (folder / "log").read_text())
        yield field.here(name="spark1", address="spark1", folder=str(field.root / "there" / "run1"))
    finally:
        server.terminate()
        server.wait()


def test_a_run_on_a_host_behind_sshd(field: Field, remote: Node) -> None:
    ending = field.run(field.launch(remote.model_copy(update={"devices": 2})))
    assert ending.reason == ""
    assert (field.folder / "model" / "weights").stat().st_size == 100_000
    assert (field.folder / "logs" / "spark1.1.log").read_text() == "rank 1 of 2 at work\n"


def test_a_launcher_that_is_killed_leaves_nothing_behind_sshd(field: Field, remote: Node) -> None:
    process = field.start(field.launch(field.here(), remote, do="wait"))
    field.until_ranks(field.folder, Path(remote.folder), count=2)
    process.kill()
    field.until_nothing_is_left()


def test_a_cut_connection_is_a_failed_attempt(field: Field, remote: Node) -> None:
    process = field.start(field.launch(field.here(), remote, do="wait"))
    field.until_ranks(field.folder, Path(remote.folder), count=2)
    ssh = next(
        pid
        for pid, line in field.processes().items()
        if line.endswith("trainer.launch.host") and "ControlPath" in line
    )
    os.kill(ssh, signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == CODES["failed"]
    assert field.reason().startswith("spark1: ")
    field.until_nothing_is_left()


def test_an_unknown_host_is_said_with_sshs_own_words(field: Field, remote: Node) -> None:
    ending = field.run(field.launch(remote.model_copy(update={"address": "nowhere.invalid"})))
    assert ending.kind == "unready"
    assert "ssh nowhere.invalid fails: ssh: Could not resolve hostname" in ending.reason
