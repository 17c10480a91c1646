"""`adgps evaluate`: its table, its JSON, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stack_process import INSTANCES, TASK, StackProcess, TrainProcess

Command = Callable[..., StackProcess]
pytestmark = pytest.mark.timeout(400)  # for a busy machine, and because the first one trains


def files_of(run: Path) -> dict[Path, int]:
    """All files of a run, and when they were changed."""
    return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


def evaluate(command: Command, run: Path, json_file: Path, *arguments: object) -> dict[str, Any]:
    """Evaluate; check what any evaluation prints and leaves; return the JSON."""
    before = files_of(run)
    process = command("evaluate", run, "--json", json_file, *arguments)
    process.succeed()
    content: dict[str, Any] = json.loads(json_file.read_text())
    each = content["per_instance"]
    for one in each:
        goal = " ".join(f"{number:6.3f}" for number in one["goal"])
        begin = f"│ {one['instance']} "
        rows = [line for line in process.output.splitlines() if line.startswith(begin)]
        assert len(rows) == 1
        assert goal in rows[0] and f"{one['cost']:.2f}" in rows[0]
        assert f"{100 * one['final_distance_m']:.1f}" in rows[0]
    mean = sum(one["cost"] for one in each) / len(each)
    assert content["mean_cost"] == pytest.approx(mean)
    assert f"{mean:.2f}" in process.output
    assert process.errors == ""
    assert process.left_behind == []
    assert files_of(run) == before
    return content


def test_the_same_numbers_bit_for_bit(
    trained: TrainProcess, command: Command, tmp_path: Path
) -> None:
    """Two calls, over one robot and over three, repeat what training itself has measured."""
    first = evaluate(command, trained.run, tmp_path / "a.json", "--robots", 1)
    evaluate(command, trained.run, tmp_path / "b.json", "--robots", 3)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    summary = trained.summary
    assert first["split"] == "validation"
    assert first["task"] == "reach"
    assert first["schema_version"] == 1
    assert first["policy_version"] == summary["policy_version"]
    assert len(first["per_instance"]) == INSTANCES["validation"]
    measured = summary["evaluation"]["validation"]
    assert {key: first[key] for key in measured} == measured


def test_goals_of_one_s_own(trained: TrainProcess, command: Command, tmp_path: Path) -> None:
    """A file may hold any goals: one here is that of a test instance, and gets its numbers."""
    goal = TASK.instances("test")[2].parameters[:3]
    goals = tmp_path / "mine.yaml"
    goals.write_text(f"goals:\n- position: {list(map(float, goal))}\n- position: [0.5, 0, 0.3]\n")
    own = evaluate(command, trained.run, tmp_path / "own.json", "--instances", goals)
    assert own["split"] == "mine"
    assert [one["instance"] for one in own["per_instance"]] == ["mine/0", "mine/1"]
    assert own["per_instance"][1]["goal"] == [0.5, 0.0, 0.3]
    expected = {**trained.summary["evaluation"]["test"]["per_instance"][2], "instance": "mine/0"}
    assert own["per_instance"][0] == expected


def test_the_test_split(trained: TrainProcess, command: Command, tmp_path: Path) -> None:
    content = evaluate(command, trained.run, tmp_path / "test.json", "--split", "test")
    measured = trained.summary["evaluation"]["test"]
    assert {key: content[key] for key in measured} == measured


def refused(process: StackProcess) -> str:
    """Exit status 2, one line on standard error, nothing started; the line."""
    assert process.wait() == 2, process.output + process.errors
    assert process.output == ""
    assert process.segments == set()
    (line,) = process.errors.splitlines()
    assert line.startswith("adgps evaluate: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--split", "best"], "unknown split 'best', known: training, validation, test"),
        (["--robots", "0"], "robots must be between 1 and 8, not 0"),
        (["--robots", "two"], "invalid int value: 'two'"),
        (["--instances", "absent.yaml"], "cannot read absent.yaml: No such file"),
        (["--instances", "bad.yaml"], "bad.yaml is not YAML"),
        (["--instances", "one.yaml"], "goals[0] needs a position"),
        (["--json", "absent/a.json"], "cannot write to absent/a.json"),
        (["--json", "."], "cannot write to ."),
        (["--split", "test", "--instances", "one.yaml"], "not allowed with"),
    ],
)
def test_wrong_arguments(
    trained: TrainProcess, command: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "bad.yaml").write_text("goals: [")
    (tmp_path / "one.yaml").write_text("goals: [{position: [0.5, 0.1]}]")
    assert said in refused(command("evaluate", trained.run, *arguments))


def test_a_folder_that_is_no_run(command: Command, tmp_path: Path) -> None:
    assert "is not a run's folder" in refused(command("evaluate", tmp_path / "absent"))
    (tmp_path / "config.yaml").write_text("options: 3")
    assert "config.yaml cannot be used" in refused(command("evaluate", tmp_path))
