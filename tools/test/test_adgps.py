"""The root command: one plain line for every mistake, and nothing prepared by one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy what is needed to prepare, with nothing prepared."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name in (
        "adgps",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-bench.txt",
        "colcon.meta",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def programs(folder: Path, *absent: str) -> Path:
    """Make a folder of links to the programs that preparing uses, without those absent."""
    needed = "bash dirname readlink uname getconf sort head df awk tail cut grep sed mkdir flock"
    needed += " sha256sum cat rm touch cc c++ find xargs"
    folder.mkdir()
    for name in set(needed.split()) - set(absent):
        (folder / name).symlink_to(Path(shutil.which(name) or name).resolve())
    return folder


def call(tree: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ./adgps in a tree, as where no ROS is sourced."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("ROS_", "AMENT"))
    }
    return subprocess.run(
        [str(tree / "adgps"), *arguments],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_names_every_verb_and_prepares_nothing(tree: Path) -> None:
    for arguments in ((), ("--help",), ("-h",), ("help",)):
        done = call(tree, *arguments)
        assert done.returncode == 0
        for verb in ("train", "evaluate", "robot", "doctor", "bench", "test", "exec"):
            assert f"\n  {verb} " in done.stdout
    assert not (tree / ".venv").exists()


@pytest.mark.parametrize("arguments", [("fly",), ("--fast",), ("",), ("exec",)])
def test_a_wrong_verb_is_one_line_and_prepares_nothing(
    tree: Path, arguments: tuple[str, ...]
) -> None:
    done = call(tree, *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout
    assert not (tree / ".venv").exists()
    assert not (tree / "log").exists()


def test_a_missing_compiler_is_named(tree: Path, tmp_path: Path) -> None:
    done = call(tree, "exec", "true", PATH=str(programs(tmp_path / "bin", "c++")), CC="", CXX="")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "adgps: no C++ compiler (c++ is missing); on Debian or Ubuntu: sudo apt install g++"
    ]


def test_a_missing_python_is_named(tree: Path, tmp_path: Path) -> None:
    path = str(programs(tmp_path / "bin"))
    nowhere = {"HOME": str(tmp_path), "PYENV_ROOT": "", "UV_PYTHON_INSTALL_DIR": ""}
    done = call(tree, "exec", "true", PATH=path, **nowhere)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no Python 3.11 found" in done.stderr
    assert "FAIL preparation" in call(tree, "doctor", PATH=path, **nowhere).stdout


def test_a_python_that_fails_is_passed_over(tree: Path, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin")
    (path / "python3.11").write_text("#!/bin/bash\nexit 127\n")  # pyenv's, if not installed
    (path / "python3.11").chmod(0o755)
    done = call(tree, "exec", "true", PATH=str(path), HOME=str(tmp_path), PYENV_ROOT="")
    assert done.returncode == 1
    assert "no Python 3.11 found" in done.stderr
