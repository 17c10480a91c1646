"""Mending the wheels: the builder's folders go, and the files to source work in every shell."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from mend_wheels import BUILDER_PYTHON, mend_cmake_files, setup_text, write_setup_files


def test_the_builders_folders_are_replaced_once(tmp_path: Path) -> None:
    folder = tmp_path / "share/x/cmake"
    folder.mkdir(parents=True)
    (folder / "a.cmake").write_text(f'set(INCLUDE "{BUILDER_PYTHON};/usr/include")')
    (folder / "b.cmake").write_text("set(A 1)")
    assert mend_cmake_files(tmp_path, {BUILDER_PYTHON: "/here"}) == 1
    assert (folder / "a.cmake").read_text() == 'set(INCLUDE "/here;/usr/include")'
    assert (folder / "b.cmake").read_text() == "set(A 1)"
    assert mend_cmake_files(tmp_path, {BUILDER_PYTHON: "/here"}) == 0


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_sourcing_prepends_once(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    write_setup_files(tmp_path)
    script = f'. "{tmp_path}/setup.{shell}"; . "{tmp_path}/local_setup.{shell}"; '
    script += 'echo "$AMENT_PREFIX_PATH|$CMAKE_PREFIX_PATH|$ROS_DISTRO"'
    done = subprocess.run(
        [program, "-eu", "-c", script],
        env={"AMENT_PREFIX_PATH": "/other", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{tmp_path}:/other|{tmp_path}|jazzy\n"
    assert done.stderr == ""


def test_setup_text_names_the_libraries_of_the_wheels(tmp_path: Path) -> None:
    libraries = tmp_path / "lib/python3.11/site-packages/ros_x.libs"
    libraries.mkdir(parents=True)
    assert f'LD_LIBRARY_PATH "{libraries}"' in setup_text(tmp_path)
