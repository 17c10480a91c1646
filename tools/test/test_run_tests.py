"""The plan of the tests: the quick ones first, nothing left out, and what the user asks for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run_tests
from run_tests import Stage, plan, run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a tree with a test of every kind."""
    for name in ("src/a/test/test_x.py", "src/a/test/test_x_node.py", "system_tests/test_y.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(stages: list[Stage]) -> list[str]:
    """Names of stages."""
    return [stage.name for stage in stages]


def test_everything_runs_the_quick_first(root: Path) -> None:
    stages = plan(root, False, [])
    assert names(stages)[-3:] == ["unit tests", "node tests", "system tests"]
    assert "mypy" in names(stages)
    files = [argument for stage in stages for argument in stage.arguments if "test_" in argument]
    assert sorted(files) == [
        "src/a/test/test_x.py",
        "src/a/test/test_x_node.py",
        "system_tests/test_y.py",
    ]


def test_quick_needs_no_ros(root: Path) -> None:
    stages = plan(root, True, [])
    assert not any(stage.ros for stage in stages)
    assert names(stages) == names(plan(root, False, []))[:-2]


def test_options_run_pytest_alone(root: Path) -> None:
    stages = plan(root, False, ["-k", "name"])
    assert {stage.module for stage in stages} == {"pytest"}
    assert all("-k" in stage.arguments for stage in stages)


def test_a_path_is_all_that_runs(root: Path) -> None:
    path = str(root / "src/a/test/test_x.py")
    assert [stage.arguments for stage in plan(root, False, [f"{path}::test_1"])] == [
        (f"{path}::test_1",)
    ]


@pytest.mark.parametrize(("code", "passed"), [("pass", True), ("raise SystemExit(3)", False)])
def test_a_stage_that_fails_is_said_to(
    code: str, passed: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stage_module.py").write_text(code)
    sys.path.insert(0, str(tmp_path))
    try:
        assert run(Stage("stage", "stage_module", ()), tmp_path) is passed
    finally:
        sys.path.remove(str(tmp_path))
    assert ("passed in" if passed else "FAILED in") in capfd.readouterr().out


def test_a_tool_that_is_not_there_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Stage("tool", "no_such_tool", ()), tmp_path)
    assert "SKIPPED" in capsys.readouterr().out


def test_all_stages_run_though_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def record(stage: Stage, root: Path) -> bool:
        seen.append(stage.name)
        return len(seen) > 1

    monkeypatch.setattr(run_tests, "plan", lambda *_: [Stage("a", "a", ()), Stage("b", "b", ())])
    monkeypatch.setattr(run_tests, "run", record)
    assert run_tests.main([]) == 1
    assert seen == ["a", "b"]
