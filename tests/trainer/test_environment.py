"""The kept environment for the tests of training, built here of nothing but pip."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "infra/training/environment.py"


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def project(folder: Path, *, base: str = "", train: str = "") -> Path:
    """Write a copy of the script beside a pyproject.toml of its own, and return the copy."""
    script = folder / "infra/training/environment.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(SCRIPT.read_text())
    # pip is there already, so nothing is fetched.
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "x"\ndependencies = [{base}]\n'
        f'[project.optional-dependencies]\ndev = []\ndata = []\ntrain = ["pip", {train}]\n'
    )
    return script


def start(script: Path, cache: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "PIP_NO_INDEX": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_that_ask_at_once_get_one_environment(tmp_path: Path) -> None:
    script = project(tmp_path)
    both = [start(script, tmp_path / "cache") for _ in range(2)]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    (python,) = {out.strip() for out, _ in said}
    assert sum("Setting up" in error for _, error in said) == 1
    subprocess.run([python, "-c", "import pip"], check=True)


def test_a_build_that_was_cut_off_is_done_again_and_a_whole_one_is_not(tmp_path: Path) -> None:
    script = project(tmp_path)
    out, _ = start(script, tmp_path / "cache").communicate()
    folder = Path(out.strip()).parents[1]
    _, error = start(script, tmp_path / "cache").communicate()
    assert error == ""
    (folder / ".whole").unlink()
    (folder / "half").touch()
    out, error = start(script, tmp_path / "cache").communicate()
    assert "Setting up" in error
    assert Path(out.strip()).exists()
    assert not (folder / "half").exists()


def test_what_is_small_is_added_in_place(tmp_path: Path) -> None:
    first, _ = start(project(tmp_path), tmp_path / "cache").communicate()
    second, error = start(project(tmp_path, base='"pip>1"'), tmp_path / "cache").communicate()
    assert (second, error) == (first, "")
    other, error = start(project(tmp_path, train='"pip>1"'), tmp_path / "cache").communicate()
    assert other != first
    assert "Setting up" in error


def test_what_can_not_be_installed_is_said_and_not_taken_for_whole(tmp_path: Path) -> None:
    script = project(tmp_path, train='"no-such-package-anywhere"')
    for _ in range(2):
        process = start(script, tmp_path / "cache")
        out, error = process.communicate()
        assert process.returncode == 1
        assert out == ""
        assert "could not be set up" in error


def test_the_order_of_the_dependencies_is_no_part_of_the_key(environment: ModuleType) -> None:
    assert environment.key(["a", "b"]) == environment.key(["b", "a"]) != environment.key(["a"])
