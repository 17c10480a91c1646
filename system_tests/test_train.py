"""`adgps train` from start to end: what it prints, what it writes, what it leaves behind."""

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from stack_process import (
    INSTANCES,
    SAMPLES,
    STEPS_PER_ROLLOUT,
    TASK,
    TINY,
    TrainProcess,
    wait_for,
)

from adgps_local_worker.checkpoint import load_state
from adgps_param_server.checkpoints import load_policy

Train = Callable[..., TrainProcess]
pytestmark = pytest.mark.timeout(400)  # for a busy machine; a run takes about 25 s on two cores

ITERATIONS = 1
PROGRESS = re.compile(
    r"^ *\d+:\d\d  (robot_\d+)  iteration ([\d.]+)/(\d+)  cost ([\d.]+|-)"
    r"  utilisation \d+%  policy (\d+\.\d+), [\d.]+ s old  ETA ([\d:]+|--:--)  (\w.*)$",
    re.MULTILINE,
)
KEYS = {
    "schema_version": int,
    "task": str,
    "method": str,
    "optimizer": str,
    "phases": list,
    "mode": str,
    "robots": int,
    "seed": int,
    "wall_clock_s": float,
    "iterations": int,
    "rollouts": int,
    "policy_version": str,
    "utilization": dict,
    "metrics": dict,
    "curve": list,
    "evaluation": dict,
}


def check_summary(summary: dict[str, Any], robots: int, mode: str) -> None:
    """Every key of the contract, with the right type and a value that can be."""
    assert {key: type(summary[key]) for key in KEYS} == KEYS
    assert summary["schema_version"] == 1
    chosen = {key: summary[key] for key in ("task", "method", "optimizer", "mode", "robots")}
    expected = {"task": "reach", "method": "badmm", "optimizer": "lqr"}
    assert chosen == {**expected, "mode": mode, "robots": robots}
    assert summary["phases"] == [{"method": "badmm", "optimizer": "lqr", "iterations": ITERATIONS}]
    assert summary["iterations"] == ITERATIONS
    assert summary["rollouts"] == INSTANCES["training"] * ITERATIONS * SAMPLES
    assert 1.0 < summary["wall_clock_s"] < 400.0
    assert set(summary["utilization"]) == {f"robot_{i + 1}" for i in range(robots)}
    assert all(0.0 < fraction < 1.0 for fraction in summary["utilization"].values())
    assert all(isinstance(value, int | float) for value in summary["metrics"].values())
    check_evaluation(summary["evaluation"])


def check_evaluation(evaluation: dict[str, Any]) -> None:
    """All instances of all splits, their own goals, and means that are those of the parts."""
    assert set(evaluation) == set(INSTANCES)
    for split, count in INSTANCES.items():
        result, goals = evaluation[split], [i.parameters[:3] for i in TASK.instances(split)]
        each = result["per_instance"]
        assert len(each) == len(goals) == count
        for one, goal in zip(each, goals, strict=True):
            assert one["goal"] == pytest.approx(list(goal), abs=1e-8)
            assert 0.0 <= one["final_distance_m"] < 2.0
            assert 0.0 < one["cost"] < 1e5
        for mean, key in (
            ("mean_cost", "cost"),
            ("mean_final_distance_m", "final_distance_m"),
            ("mean_initial_distance_m", "initial_distance_m"),
        ):
            assert result[mean] == pytest.approx(sum(one[key] for one in each) / count)
        assert 0.1 < result["mean_initial_distance_m"] < 0.6


def check_curve(summary: dict[str, Any]) -> None:
    """Points whose rollouts rise to their sum, and whose costs can be."""
    curve = summary["curve"]
    assert curve
    assert all(set(p) == {"rollouts", "wall_clock_s", "version", "cost"} for p in curve)
    for key in ("rollouts", "wall_clock_s"):
        values = [point[key] for point in curve]
        assert values == sorted(set(values)) and values[0] > 0
    assert curve[-1]["rollouts"] == summary["rollouts"]
    assert curve[-1]["wall_clock_s"] <= summary["wall_clock_s"]
    assert all(0.0 < point["cost"] < 1e5 for point in curve)
    versions = [tuple(map(int, point["version"].split("."))) for point in curve]
    assert versions == sorted(versions)


def check_folder(process: TrainProcess) -> None:
    """The exact configuration, checkpoints that can be read, events, a plot."""
    run = process.run
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["options"]["task"] == "reach"
    assert config["nodes"]["/robot_1/local_worker"]["samples"] == SAMPLES
    assert config["nodes"]["/param_server"]["hidden"] == [16]
    assert config["versions"]["torch"]
    version = load_policy(run / "checkpoints" / "param_server").version
    assert str(version) == process.summary["policy_version"]
    states = sorted((run / "checkpoints" / "local_workers").glob("*.safetensors"))
    assert len(states) == INSTANCES["training"]
    done = [load_state(path)[0].iteration for path in states]
    assert set(done) == {process.summary["iterations"]}
    assert any(path.stat().st_size > 100 for path in (run / "events").iterdir())
    assert (run / "cost.png").read_bytes().startswith(b"\x89PNG")


def check_progress(output: str, robots: int, epoch: int) -> None:
    """Every robot has a line of its own, and its last one says that it has finished."""
    lines = {match[1]: match for match in PROGRESS.finditer(output)}
    assert set(lines) == {f"robot_{i + 1}" for i in range(robots)}
    for match in lines.values():
        assert (float(match[2]), int(match[3])) == (ITERATIONS, ITERATIONS)
        assert float(match[4]) > 0.0
        assert match[5].startswith(f"{epoch}.")
        assert (match[6], match[7]) == ("0:00", "finished")


def check_all(process: TrainProcess, robots: int, mode: str = "async", epoch: int = 1) -> None:
    """Everything that holds after any run."""
    check_summary(process.summary, robots, mode)
    check_folder(process)
    check_progress(process.output, robots, epoch)
    assert "Traceback" not in process.output + process.errors
    assert process.left_behind == []
    check_curve(process.summary)


def counter(process: TrainProcess, epoch: int = 1) -> int:
    """Gradients applied, according to the version that was evaluated."""
    found, _, count = process.summary["policy_version"].partition(".")
    assert int(found) == epoch
    return int(count)


def test_two_robots(trained: TrainProcess) -> None:
    check_all(trained, robots=2)
    # The bounds on the gradient steps are equal, so that nothing but the rollouts decides.
    assert counter(trained) == STEPS_PER_ROLLOUT * trained.summary["rollouts"]


def test_one_global_worker_for_all_robots(train: Train) -> None:
    process = train("--robots", 2, "--global-workers", 1)
    process.succeed()
    check_all(process, robots=2)
    assert counter(process) == STEPS_PER_ROLLOUT * process.summary["rollouts"]


def test_synchronous_with_more_global_workers_than_robots(train: Train) -> None:
    """Two alternations a batch: each global worker trains two rounds, and all wait for all."""
    process = train("--robots", 2, "--global-workers", 3, "--mode", "sync")
    process.succeed()
    check_all(process, robots=2, mode="sync")
    rounds = TINY["/**/local_worker"]["alternations"]
    assert counter(process) == 3 * rounds * TINY["/**/global_worker"]["steps_per_round"]


def test_a_killed_command_takes_all_with_it(train: Train) -> None:
    """SIGKILL leaves it no time to stop anybody: the kernel does."""
    process = train("--robots", 1)
    process.await_line(PROGRESS.pattern)
    assert len(process.pids) == 5  # itself, server, robot, global and local worker
    process.process.kill()
    process.process.wait()
    wait_for(lambda: not process.pids, "the end of its processes", patience=5.0)


def test_one_robot_stopped_by_ctrl_c_and_resumed(train: Train) -> None:
    """Gone within 5 s with a checkpoint; resumed, no finished iteration is practised again."""
    process = train("--robots", 1, "--seed", 3)
    states = process.run / "checkpoints" / "local_workers"
    wait_for(lambda: len([*states.glob("training-*.safetensors")]) >= 3, "some iterations")
    process.note_segments()
    os.kill(process.process.pid, signal.SIGINT)
    begin = time.monotonic()
    assert process.wait() == 130, process.output + process.errors
    assert process.pids == []
    assert time.monotonic() - begin < 5.0
    assert process.left_behind == []
    assert "stopped by SIGINT" in process.errors and "Traceback" not in process.errors
    assert not (process.run / "summary.json").exists()
    saved = load_policy(process.run / "checkpoints" / "param_server").version
    assert saved.epoch == 1 and saved.counter > 0
    done = {path: path.stat().st_mtime_ns for path in states.glob("*.safetensors")}
    assert 3 <= len(done) < INSTANCES["training"]

    resumed = train("--resume")
    resumed.succeed()
    check_all(resumed, robots=1, epoch=2)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert counter(resumed, epoch=2) > saved.counter
    assert resumed.summary["seed"] == 3


def test_eight_robots(train: Train) -> None:
    process = train("--robots", 8)
    process.succeed()
    check_all(process, robots=8)
