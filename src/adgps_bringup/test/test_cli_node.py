"""Refusals for which the nodes' own modules are asked, or that come just before the start."""

from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from adgps_bringup import session  # noqa: E402
from adgps_bringup.cli import main  # noqa: E402
from adgps_bringup.run_folder import locked  # noqa: E402


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        pytest.fail("a session was begun")

    monkeypatch.setattr(session, "free_domain", fail)


def refuse(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Train, which must be refused; the line."""
    assert main(["train", "reach", *map(str, arguments)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("adgps train: ")
    return line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sampels: 3", "/**/local_worker has no parameter sampels, did you mean samples?"),
        ("samples: five", "samples of local_worker must be a whole number, not 'five'"),
    ],
)
def test_parameters_that_cannot_be(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    config, run = tmp_path / "a.yaml", tmp_path / "run"
    config.write_text(f"/**/local_worker: {{ros__parameters: {{{text}}}}}")
    assert said in refuse(capsys, "--run", run, "--config", config)
    assert not run.exists()


def test_a_folder_that_nobody_may_write(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even the superuser makes a folder in /proc, although access(2) lets him."""
    assert "cannot write to /proc/here/run: " in refuse(capsys, "--run", "/proc/here/run")


def test_a_run_that_is_under_way(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("options: {task: reach, parameter_files: []}")
    with locked(tmp_path):
        line = refuse(capsys, "--run", tmp_path, "--resume")
    assert line == f"adgps train: {tmp_path} is in use by another run"
