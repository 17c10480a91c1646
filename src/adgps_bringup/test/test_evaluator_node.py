"""The evaluator: who tries what, what is tried again, and what ends it. Robots are made up."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("rclpy")

from adgps_bringup import evaluator as module
from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.evaluator import ATTEMPTS, EvaluationError, Evaluator
from adgps_bringup.rollouts import AttemptError, Tried
from adgps_bringup.trials.plan import Trial, lay_out
from adgps_core.global_policy import PolicyVersion
from adgps_core.tasks import make_task

ROBOTS = ("/robot_1", "/robot_2")
GRID = make_task("reach").trials()
VERSION = PolicyVersion(1, 1)
Attempt = Callable[[str, Trial], bool]
Make = Callable[[Attempt], Evaluator]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """An evaluator whose robots do what a function of robot and trial says."""

    def build(attempt: Attempt) -> Evaluator:
        class Robot:
            def __init__(self, node: object, task: object, robot: str, *others: object) -> None:
                self.robot = robot

            def attempt(self, trial: Trial, version: PolicyVersion, stop: threading.Event) -> Tried:
                succeeded = attempt(self.robot, trial)
                return Tried(InstanceResult(trial.instance, 1.0, 0.3, 0.1, True, succeeded), 0, 1)

            def close(self) -> None:
                """Nothing is open."""

        monkeypatch.setattr(module, "RobotClient", Robot)
        monkeypatch.setattr(module, "_PAUSE", 0.0)
        node: Any = None
        return Evaluator(node, make_task("reach"), ROBOTS)

    return build


def test_each_trial_is_made_once_by_its_own_robot(make: Make) -> None:
    made: list[tuple[str, Trial]] = []

    def attempt(robot: str, trial: Trial) -> bool:
        made.append((robot, trial))
        return robot == "/robot_2"

    trials = lay_out(GRID, ROBOTS, 6, 0.01)
    results: dict[int, InstanceResult] = {}
    seen: Counter[str] = Counter()
    make(attempt).run_trials(
        trials,
        VERSION,
        lambda: None,
        results.__setitem__,
        lambda robot, tried: seen.update([robot]),
    )
    assert sorted(results) == list(range(12)) and len(made) == 12
    assert all(robot == trial.robot for robot, trial in made)
    for index, trial in enumerate(trials):
        assert results[index].instance is trial.instance
        assert results[index].succeeded == (trial.robot == "/robot_2")
    assert seen == {robot: 6 for robot in ROBOTS}


def test_what_fails_is_tried_again_until_it_is_clear_that_it_will_not_do(make: Make) -> None:
    attempts: Counter[tuple[str, int]] = Counter()

    def attempt(robot: str, trial: Trial) -> bool:
        attempts[robot, trial.number] += 1
        if trial.number == 1 and attempts[robot, 1] < ATTEMPTS:
            raise AttemptError("away")
        return True

    trials = lay_out(GRID, ROBOTS, 3, 0.0)
    results: dict[int, InstanceResult] = {}
    make(attempt).run_trials(trials, VERSION, lambda: None, results.__setitem__)
    assert len(results) == 6 and attempts["/robot_1", 1] == ATTEMPTS

    def never(robot: str, trial: Trial) -> bool:
        raise AttemptError("away")

    with pytest.raises(EvaluationError, match="failed, test/0 on /robot_1: away"):
        make(never).run_trials(trials[:1], VERSION, lambda: None, results.__setitem__)


def test_instances_of_a_split_go_to_whoever_has_time(make: Make) -> None:
    """One robot that is stuck keeps nobody from the rest."""
    released = threading.Event()

    def attempt(robot: str, trial: Trial) -> bool:
        if robot == "/robot_1":
            assert released.wait(10.0)
        elif trial.instance.id == "test/3":
            released.set()
        return True

    instances = make_task("reach").instances("test")
    results = make(attempt).run(instances, VERSION, lambda: None)
    assert [result.instance for result in results] == list(instances)


def test_a_mishap_ends_it_with_its_own_words(make: Make) -> None:
    """On a robot's thread, of a witness, or of whoever watches."""

    def full(robot: str, tried: Tried) -> None:
        raise OSError("no space left on the disk")

    def impatient() -> None:
        raise TimeoutError("enough")

    trials = lay_out(GRID, ROBOTS, 2, 0.0)
    evaluator = make(lambda robot, trial: True)
    nothing: Callable[[int, InstanceResult], None] = lambda index, result: None  # noqa: E731
    with pytest.raises(OSError, match="no space left"):
        evaluator.run_trials(trials, VERSION, lambda: None, nothing, full)
    with pytest.raises(TimeoutError, match="enough"):
        evaluator.run_trials(trials, VERSION, impatient, nothing)
