"""The local worker over real ROS: what it asks, publishes and survives."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from local_worker_process import TASK, LocalWorkerProcess, Stage, global_policy, roll_out

from adgps_core.global_policy import GlobalPolicy
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.phases import Phase
from adgps_core.tasks import Instance
from adgps_core.trajectory import Trajectory
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import LocalState
from adgps_local_worker.practice import Practice
from adgps_local_worker.sampling import RunnablePolicy
from adgps_local_worker.schedule import Schedule
from adgps_msgs.action import ExecuteRollout
from adgps_msgs.srv import ResetInstance

QUICK = {"samples": 2, "phases": ["badmm+lqr:2"], "patience": 0.1}
AT_ONCE = 5.0
"""What a worker may take to end [s]: less than any wait, and busy machines are slow."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Join the graph, and leave it."""
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def workers() -> Iterator[list[LocalWorkerProcess]]:
    """Workers that a test starts; those it leaves behind are killed."""
    started: list[LocalWorkerProcess] = []
    yield started
    for worker in started:
        worker.stop(signal.SIGKILL)


def _start(
    workers: list[LocalWorkerProcess], tmp_path: Path, **settings: object
) -> LocalWorkerProcess:
    worker = LocalWorkerProcess(tmp_path / f"log{len(workers)}", **{**QUICK, **settings})
    workers.append(worker)
    return worker


def _end(worker: LocalWorkerProcess) -> None:
    """Stop a worker, which is quick, clean and silent."""
    begin = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - begin < AT_ONCE
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"instances": "[training/0,training/99]"}, "training/99"), ({"kl_step": -1.0}, "kl_step")],
)
def test_wrong_parameters_end_the_worker_with_one_line(
    workers: list[LocalWorkerProcess], tmp_path: Path, settings: dict[str, object], reason: str
) -> None:
    """Exit status 2, and the last line says why."""
    worker = _start(workers, tmp_path, **settings)
    assert worker.process.wait(30.0) == 2
    lines = worker.log.read_text().strip().splitlines()
    assert lines[-1].startswith("local_worker:") and reason in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_a_worker_practises_once_it_has_a_robot_and_a_policy(
    stage: Stage, workers: list[LocalWorkerProcess], tmp_path: Path
) -> None:
    """It waits for both, stops at once in either wait, and then publishes what it learned."""
    early = _start(workers, tmp_path)
    worker = _start(workers, tmp_path, instances="[training/0,training/3]")
    waiting = "waiting for the parameter server"
    assert stage.wait_until(lambda: stage.diagnostics.get("state") == waiting)
    _end(early)
    stage.publish_policy(0)
    assert stage.wait_until(lambda: stage.diagnostics.get("state") == "sampling training/0")
    assert stage.diagnostics["cost"] == "nan" and stage.asked == []
    stage.failures = [
        (ExecuteRollout.Result.LIMIT_VIOLATION, "too fast"),
        (ExecuteRollout.Result.NOT_ARMED, "the e-stop is pressed"),
    ]
    stage.add_robot()
    assert stage.wait_until(lambda: len(stage.published) == 2)
    assert all((optimized.multipliers == 0).all() for optimized in stage.published)
    stage.publish_policy(7)  # the first that was trained
    assert stage.wait_until(lambda: stage.diagnostics.get("finished") == "true")

    assert stage.wait_until(lambda: len(stage.published) == 4)
    progress = [(o.instance.id, o.iteration) for o in stage.published]
    assert progress == [(f"training/{i}", n) for n in (1, 2) for i in (0, 3)]
    assert {o.worker for o in stage.published} == {"/robot_1/local_worker"}
    assert {len(o.samples) for o in stage.published} == {2}
    assert (stage.published[-1].multipliers != 0).any()
    assert (
        stage.asked
        == ["reset training/0", "rollout training/0"] * 4
        + [
            "reset training/3",
            "rollout training/3",
        ]
        * 2
        + ["reset training/0", "rollout training/0"] * 2
        + [
            "reset training/3",
            "rollout training/3",
        ]
        * 2
    )
    said = worker.log.read_text()
    assert "too fast" in said and "the e-stop is pressed" in said and "without" in said
    found = stage.diagnostics
    assert found["iteration"] == found["iterations"] == "2"
    assert (found["rollouts"], found["failed_rollouts"]) == ("8", "2")
    assert found["policy_version"] == "1.7" and float(found["utilization"]) > 0
    costs = [float(found[f"cost/training/{i}"]) for i in (0, 3)]
    assert float(found["cost"]) == pytest.approx(np.mean(costs), rel=1e-4)
    _end(worker)


def test_it_goes_through_the_phases_that_it_is_given(
    stage: Stage, workers: list[LocalWorkerProcess], tmp_path: Path
) -> None:
    """From PI2 on a fixed instance to the global policy on one drawn anew."""
    stage.add_robot()
    stage.publish_policy(3)
    worker = _start(workers, tmp_path, samples=3, phases=["badmm+pi2:1", "mdgps+lqr:1"])
    assert stage.wait_until(lambda: len(stage.published) == 2)
    first, second = stage.published
    assert (first.method, second.method) == ("badmm", "mdgps")
    assert first.condition == second.condition == first.instance.id == "training/0"
    assert second.instance.id == "training/0/2"
    assert [goal.use_global_policy for goal in stage.goals[-3:]] == [True] * 3
    assert {str(sample.policy_version) for sample in second.samples} == {"1.3"}
    assert len({request.seed for request in stage.requests[-3:]}) == 1
    assert stage.wait_until(lambda: stage.diagnostics.get("finished") == "true")
    _end(worker)


class _Alone:
    """Robot and peers of a practice that knows no ROS, with the stage's policy and robot."""

    def __init__(self) -> None:
        self.published: list[OptimizedTrajectories] = []

    def reset(self, instance: Instance, seed: int) -> None:
        """Nothing to do."""

    def rollout(self, instance: Instance, policy: RunnablePolicy, seed: int) -> Trajectory:
        """Roll out as the stage does."""
        return roll_out(instance, policy, seed)

    def global_policy(self) -> GlobalPolicy:
        """Return the stage's policy."""
        return global_policy(3)

    def publish(self, optimized: OptimizedTrajectories, state: LocalState) -> None:
        """Keep it."""
        self.published.append(optimized)

    def wait_for_training(self, rounds: int) -> None:
        """Nothing to wait for."""


def test_a_worker_that_was_killed_goes_on_where_it_was(
    stage: Stage, workers: list[LocalWorkerProcess], tmp_path: Path
) -> None:
    """After kill -9 in its second batch it ends with the policy of a practice without ROS."""
    alone = _Alone()
    instance = TASK.instances("training")[0]
    schedule = Schedule((Phase("badmm", "lqr", 2),), samples=2)
    Practice(TASK, (instance,), LocalConfiguration(), schedule, alone, alone, "alone").run()

    stage.add_robot()
    stage.publish_policy(3)
    stage.delay = 0.3
    settings = {"resume": True, "checkpoint_dir": tmp_path / "checkpoints"}
    killed = _start(workers, tmp_path, **settings)
    assert stage.wait_until(lambda: len(stage.published) == 1)
    asked = len(stage.asked)
    assert stage.wait_until(lambda: len(stage.asked) > asked + 1)  # the next batch has begun
    killed.stop(signal.SIGKILL)
    stage.delay = 0.0
    resumed = _start(workers, tmp_path, **settings)
    assert stage.wait_until(lambda: [o.iteration for o in stage.published] == [1, 1, 2])
    for found, expected in zip(stage.published[1:], alone.published, strict=True):
        for name in ("K", "k", "C"):
            one, other = getattr(found.policy, name), getattr(expected.policy, name)
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * np.abs(other).max())
        np.testing.assert_allclose(found.multipliers, expected.multipliers, rtol=1e-5, atol=1e-9)
    _end(resumed)


def test_a_robot_for_another_task_ends_the_worker(
    stage: Stage, workers: list[LocalWorkerProcess], tmp_path: Path
) -> None:
    """Exit status 1: to ask again would not help, and the log says what the robot said."""
    stage.resets = [(ResetInstance.Response.INVALID_INSTANCE, "this robot cannot reach")]
    stage.add_robot()
    stage.publish_policy(0)
    worker = _start(workers, tmp_path)
    assert worker.process.wait(30.0) == 1
    assert "this robot cannot reach" in worker.log.read_text()
