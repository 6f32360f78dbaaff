"""Kafka's jars: resolved once per machine with Maven, then taken from a folder."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
JAVA = 17


class MissingTool(Exception):
    """Java or Maven is not on this machine, or too old. The message says what to install."""


def missing() -> str | None:
    """Return what this machine lacks to run Kafka, in one sentence, or None."""
    java = shutil.which("java")
    if java is None or _java_version(java) < JAVA:
        return f"Kafka needs Java {JAVA} or newer: apt install openjdk-17-jre-headless maven"
    if not _folder().is_dir() and shutil.which("mvn") is None:
        return "Kafka's jars are fetched with Maven: apt install maven"
    return None


def classpath() -> str:
    """Return the class path of a broker; the first call on a machine fetches the jars.

    Raises:
        MissingTool: there is no Java or no Maven.
        subprocess.CalledProcessError: Maven could not fetch them; it has said why.
    """
    lack = missing()
    if lack is not None:
        raise MissingTool(lack)
    folder = _folder()
    if not folder.is_dir():
        _fetch(folder)
    return f"{folder}/*"


def _folder() -> Path:
    """Return where the jars of this pom.xml are kept; another pom.xml has another folder."""
    text = POM.read_text(encoding="utf-8")
    version = re.search(r"<kafka.version>(.+?)</kafka.version>", text)
    assert version is not None
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "clawback" / f"kafka-{version[1]}-{digest}"


def _fetch(folder: Path) -> None:
    print("Fetching Kafka with Maven (once) ...", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all, also when two start at the same time.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        subprocess.run(
            [
                *("mvn", "--quiet", "--batch-mode", "-Dstyle.color=never", "--file", str(POM)),
                f"{PLUGIN}:copy-dependencies",
                *("-DincludeScope=runtime", f"-DoutputDirectory={jars}"),
            ],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        try:
            jars.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _java_version(java: str) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
