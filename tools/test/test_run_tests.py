"""The plan of the tests: the quick ones first, nothing left out, and what the user asks for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import run_tests
from run_tests import Stage, plan, run, run_side_by_side


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a tree with a test of every kind."""
    for name in ("src/a/test/test_x.py", "src/a/test/test_x_node.py", "system_tests/test_y.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def planned(root: Path, quick: bool, options: list[str]) -> list[Stage]:
    """Stages in the order in which they are told of."""
    return [stage for lanes in plan(root, quick, options) for lane in lanes for stage in lane]


def names(stages: list[Stage]) -> list[str]:
    """Names of stages."""
    return [stage.name for stage in stages]


def module(code: str, folder: Path, name: str) -> Stage:
    """Make a stage that runs this code in that folder."""
    (folder / f"{name}.py").write_text(code)
    return Stage(name, name, ())


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder whose modules can be found."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_everything_runs_the_quick_first(root: Path) -> None:
    stages = planned(root, False, [])
    assert names(stages)[-3:] == ["unit tests", "node tests", "system tests"]
    assert "mypy" in names(stages)
    files = [argument for stage in stages for argument in stage.arguments if "test_" in argument]
    assert sorted(files) == [
        "src/a/test/test_x.py",
        "src/a/test/test_x_node.py",
        "system_tests/test_y.py",
    ]


def test_the_whole_stack_has_the_machine_to_itself(root: Path) -> None:
    *_, last = plan(root, False, [])
    assert [names(lane) for lane in last] == [["system tests"]]


def test_no_two_lanes_share_a_ros_domain(root: Path) -> None:
    for lanes in plan(root, False, []):
        assert sum(any(stage.ros for stage in lane) for lane in lanes) <= 1


def test_quick_needs_no_ros(root: Path) -> None:
    stages = planned(root, True, [])
    assert not any(stage.ros for stage in stages)
    assert names(stages) == names(planned(root, False, []))[:-2]


def test_options_run_pytest_alone(root: Path) -> None:
    stages = planned(root, False, ["-k", "name"])
    assert {stage.module for stage in stages} == {"pytest"}
    assert all("-k" in stage.arguments for stage in stages)


def test_a_path_is_all_that_runs(root: Path) -> None:
    path = str(root / "src/a/test/test_x.py")
    assert [stage.arguments for stage in planned(root, False, [f"{path}::test_1"])] == [
        (f"{path}::test_1",)
    ]


@pytest.mark.parametrize(("code", "passed"), [("pass", True), ("raise SystemExit(3)", False)])
def test_a_stage_that_fails_is_said_to(
    code: str, passed: bool, importable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = module(code, importable, "stage_module")
    assert run(stage, importable, sys.stdout) is passed
    assert ("passed in" if passed else "FAILED in") in capsys.readouterr().out


def test_a_tool_that_is_not_there_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(Stage("tool", "no_such_tool", ()), tmp_path, sys.stdout)
    assert "SKIPPED" in capsys.readouterr().out


def test_lanes_run_side_by_side(importable: Path) -> None:
    meet = """
import pathlib, time
pathlib.Path("{mine}").touch()
end = time.monotonic() + 60
while not pathlib.Path("{other}").exists():
    if time.monotonic() > end:
        raise SystemExit("the other lane never came")
"""
    lanes = [
        [module(meet.format(mine="a", other="b"), importable, "lane_one")],
        [module(meet.format(mine="b", other="a"), importable, "lane_two")],
    ]
    assert run_side_by_side(lanes, importable) == []


def test_all_stages_of_all_lanes_run_though_some_fail(
    importable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lanes = [
        [
            module("raise SystemExit(1)", importable, f"stage_{lane}1"),
            module("print('said by 2')", importable, f"stage_{lane}2"),
        ]
        for lane in "ab"
    ]
    assert run_side_by_side(lanes, importable) == ["stage_a1", "stage_b1"]
    out = capsys.readouterr().out
    assert out.index("stage_a2: passed") < out.index("stage_b1: FAILED")
    assert out.index("=== stage_b2") < out.index("said by 2") < out.index("stage_b2: passed")


def test_a_failure_is_the_exit_status(
    importable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [module(f"raise SystemExit({code})", importable, f"exit_{code}") for code in (1, 0)]
    monkeypatch.setattr(run_tests, "ROOT", importable)
    monkeypatch.setattr(run_tests, "plan", lambda *_: [[[stage]] for stage in stages])
    assert run_tests.main([]) == 1
    assert "FAILED: exit_1\n" in capsys.readouterr().out
