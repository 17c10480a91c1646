"""`adgps evaluate`: its table, its JSON, and what it refuses."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stack_process import INSTANCES, TASK, StackProcess, TrainProcess, wait_for

from adgps_core.global_policy import Architecture, GlobalPolicy, initial_values
from adgps_core.tasks import make_task
from adgps_param_server.checkpoints import CheckpointFolder
from adgps_param_server.optimizers import OptimizerConfiguration
from adgps_param_server.server import ServerState

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


def lines_of(path: Path) -> list[str]:
    """Whole lines of a file that is written; none if it is not there yet."""
    return path.read_text().splitlines() if path.exists() else []


def test_trials_that_were_stopped_go_on(
    trained: TrainProcess, command: Command, tmp_path: Path
) -> None:
    """What was made is kept; what is missing is made; the run's summary has it all."""
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    folder = run / "evaluation" / "test"
    first = command("evaluate", run, "--trials", 300)
    wait_for(lambda: len(lines_of(folder / "trials.jsonl")) >= 3, "some trials")
    first.process.send_signal(signal.SIGINT)
    assert first.wait() == 130, first.output + first.errors
    kept = lines_of(folder / "trials.jsonl")
    assert f"{len(kept)} of 600 trials are kept; the same command goes on" in first.output

    made = [json.loads(line) for line in kept]
    count = max(one["number"] for one in made) + 3
    again = command("evaluate", run, "--trials", count)
    again.succeed()
    assert f"{len(kept)} of {2 * count} trials were made before" in again.output
    lines = lines_of(folder / "trials.jsonl")
    assert lines[: len(kept)] == kept
    keys = sorted((one["robot"], one["number"]) for one in map(json.loads, lines))
    assert keys == [(robot, n) for robot in ("robot_1", "robot_2") for n in range(count)]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["overall"]["trials"] == 2 * count
    assert summary["overall"]["success_rate"] is None
    assert json.loads((run / "summary.json").read_text())["trials"] == {"test": summary}
    assert (folder / "trials.png").exists()

    other = command("evaluate", run, "--trials", 1, "--perturbation", 0.5)
    assert other.wait() == 1 and "holds trials with perturbation_rad 0.01, not 0.5" in other.errors
    assert lines_of(folder / "trials.jsonl") == lines


def test_the_simulator_s_truth_and_a_film(command: Command, tmp_path: Path) -> None:
    """A network that was never trained does not push the drawer shut."""
    task = make_task("drawer")
    network = Architecture(task.dim_o, task.dim_u, hidden=(8,))
    values = initial_values(network, np.random.default_rng(0))
    policy = GlobalPolicy(network, *task.observation_scaling, values)
    state = ServerState(policy, OptimizerConfiguration("sgd", 1.0, 0.0))
    run = tmp_path / "run"
    CheckpointFolder(run / "checkpoints" / "param_server").write(state, {})
    (run / "config.yaml").write_text("options: {task: drawer, parameter_files: []}")
    arguments = ("--trials", 1, "--robots", 1, "--film", "--json", tmp_path / "a.json")
    command("evaluate", run, *arguments).succeed()
    folder = run / "evaluation" / "test"
    (line,) = lines_of(folder / "trials.jsonl")
    trial = json.loads(line)
    assert trial["succeeded"] is False and trial["truth"].startswith("pushed in by ")
    summary = json.loads((tmp_path / "a.json").read_text())
    assert summary["overall"]["success_rate"] == 0.0
    assert summary["overall"]["interval_95"][0] == 0.0
    assert not (run / "summary.json").exists()
    names = {path.name for path in folder.iterdir()} - {".lock"}
    results = {"settings.json", "summary.json", "trials.jsonl", "trials.png"}
    assert names == {*results, "film_failed.png", "film_failed.gif"}


def refused(process: StackProcess) -> str:
    """Exit status 2, one line on standard error, nothing started; the line."""
    assert process.wait() == 2, process.output + process.errors
    assert process.output == ""
    assert process.left_behind == []
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
        (["--trials", "2", "--handle", "1"], "there is but one kind of reach"),
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
