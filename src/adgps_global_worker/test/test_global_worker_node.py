"""The global worker over real ROS: what it refuses, what a restart remembers, how it ends."""

import itertools
import signal
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from global_worker_process import Surroundings, WorkerProcess, message_of  # noqa: E402
from synthetic import make_optimized  # noqa: E402

from adgps_core.global_policy import PolicyVersion  # noqa: E402
from adgps_msgs.msg import OptimizedTrajectories  # noqa: E402

# A worker that was stopped with a push under way does not hear the answer.
pytestmark = pytest.mark.filterwarnings("ignore:failed to send response")

COUNT = itertools.count(1)
ROLLOUTS, STEPS = 3, 4
SENDER = make_optimized().worker
Start = Callable[..., WorkerProcess]


@pytest.fixture
def namespace() -> str:
    """One that no test before has used."""
    return f"/training_{next(COUNT)}"


@pytest.fixture
def around(namespace: str) -> Iterator[Surroundings]:
    """Join the graph, and leave it."""
    made = Surroundings(namespace)
    yield made
    made.close()


@pytest.fixture
def start(namespace: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers; those that a test leaves running are killed."""
    started: list[WorkerProcess] = []

    def run(**parameters: Any) -> WorkerProcess:
        settings = {"batch_size": 64, "max_steps_per_rollout": float(STEPS), **parameters}
        log = tmp_path / f"{len(started)}.log"
        started.append(WorkerProcess(namespace, log, **settings))
        return started[-1]

    yield run
    for worker in started:
        worker.stop(signal.SIGKILL)


def shorten(message: OptimizedTrajectories) -> None:
    message.samples[1].states = message.samples[1].states[:-1]


def deny_time(message: OptimizedTrajectories) -> None:
    message.samples[0].horizon = 0


def break_number(message: OptimizedTrajectories) -> None:
    values = array("d", message.samples[2].actions_applied)
    values[5] = float("nan")
    message.samples[2].actions_applied = values


def break_label(message: OptimizedTrajectories) -> None:
    values = array("d", message.policy.covariance)
    values[0] = -1.0
    message.policy.covariance = values


def change_task(message: OptimizedTrajectories) -> None:
    message.instance.task = "juggle"


def empty(message: OptimizedTrajectories) -> None:
    message.samples = []


IMPOSSIBLE: dict[Callable[[OptimizedTrajectories], None], str] = {
    shorten: "states has 3231 numbers, expected (101, 32)",
    deny_time: "impossible sizes: horizon 0",
    break_number: "actions_applied",
    break_label: "positive",
    change_task: "task is 'juggle'",
    empty: "there are no samples",
}


def test_impossible_trajectories_are_refused_and_training_goes_on(
    around: Surroundings, start: Start
) -> None:
    """Each refusal is counted for its sender and logged with its reason; then a good one comes."""
    around.serve()
    worker = start()
    around.await_report(worker, rollouts=0, policy_version="1.0")
    for count, (spoil, reason) in enumerate(IMPOSSIBLE.items(), 1):
        message = message_of(make_optimized(iteration=count))
        spoil(message)
        around.publish(message)
        around.await_report(worker, **{f"dropped_of_{SENDER}": count})
        line = f"trajectories of {SENDER!r} refused"
        said = [text for text in worker.log.read_text().splitlines() if line in text]
        assert len(said) == count and reason in said[-1], worker.log.read_text()
    report = around.await_report(worker, rollouts=0, steps=0, replayed_rollouts=0)
    assert around.updates == 0

    around.publish(message_of(make_optimized(iteration=9, rollouts=ROLLOUTS)))
    report = around.await_report(worker, rollouts=ROLLOUTS, steps=ROLLOUTS * STEPS)
    assert around.updates == ROLLOUTS * STEPS
    assert report["replayed_rollouts"] == str(ROLLOUTS)
    assert report[f"dropped_of_{SENDER}"] == str(len(IMPOSSIBLE))
    assert report["policy_version"] == f"1.{ROLLOUTS * STEPS}"


def test_a_restarted_worker_remembers_and_takes_no_further_steps(
    around: Surroundings, start: Start
) -> None:
    """The topic gives it back what was published; only what comes after its start counts."""
    around.serve()
    first = start()
    for index in range(2):
        around.publish(message_of(make_optimized(index, rollouts=ROLLOUTS)))
    steps = 2 * ROLLOUTS * STEPS
    around.await_report(first, steps=steps, replayed_rollouts=2 * ROLLOUTS)
    first.stop(signal.SIGKILL)
    around.diagnostics = {}

    second = start()
    around.await_report(second, replayed_rollouts=2 * ROLLOUTS, instances=2)
    time.sleep(1.0)
    around.diagnostics = {}
    report = around.await_report(second, rollouts=0, steps=0)
    assert report["waiting_for"].startswith("rollouts")
    assert around.updates == steps

    around.publish(message_of(make_optimized(0, iteration=2, rollouts=ROLLOUTS)))
    around.await_report(second, steps=ROLLOUTS * STEPS, replayed_rollouts=3 * ROLLOUTS)
    assert around.updates == steps + ROLLOUTS * STEPS


def test_it_waits_for_a_server_and_follows_another_epoch(
    around: Surroundings, start: Start
) -> None:
    """A server that comes late, and one that lost updates in a crash."""
    worker = start(server_timeout=0.2)
    around.publish(message_of(make_optimized(rollouts=ROLLOUTS)))
    around.await_report(worker, rollouts=ROLLOUTS, steps=0, server_answers=False)
    assert around.message == "waiting for the parameter server"
    around.serve()
    around.await_report(worker, steps=ROLLOUTS * STEPS, server_answers=True)
    assert around.message == "training"

    lost = 5
    counter = around.policy.version.counter - lost
    around.policy = replace(around.policy, version=PolicyVersion(2, counter))
    around.publish(message_of(make_optimized(iteration=2, rollouts=ROLLOUTS)))
    report = around.await_report(worker, steps=2 * ROLLOUTS * STEPS)
    assert report["rebased"] == "1"
    # The first word to the new epoch says how far the old one had come: the server counts the lost.
    assert around.told[-1] == PolicyVersion(1, counter + lost)
    assert report["policy_version"] == f"2.{counter + ROLLOUTS * STEPS}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("served", [True, False])
def test_a_signal_ends_it_cleanly(
    around: Surroundings, start: Start, number: signal.Signals, served: bool
) -> None:
    """In the middle of training, or while there is no server: exit status 0, no traceback."""
    if served:
        around.serve()
    worker = start(max_steps_per_rollout=1e6)
    around.publish(message_of(make_optimized()))
    around.await_report(worker, rollouts=3)
    if served:
        around.until(lambda: around.updates > 10, "some steps", worker)
    assert worker.stop(number) == 0, worker.log.read_text()
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"task": "dance"}, "dance"),
        ({"mode": "sometimes"}, "sometimes"),
        ({"mode": "sync"}, "instances_expected"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "many"}, "batch_size"),
        ({"min_steps_per_rollout": 9.0}, "max_steps_per_rollout"),
    ],
)
def test_wrong_parameters_end_it_with_one_line(
    start: Start, parameters: dict[str, object], reason: str
) -> None:
    """Exit status 2, and the last line says why."""
    worker = start(**parameters)
    assert worker.process.wait(60.0) == 2
    lines = worker.log.read_text().strip().splitlines()
    assert lines[-1].startswith("global_worker:") and reason in lines[-1]
    assert "Traceback" not in "".join(lines)
