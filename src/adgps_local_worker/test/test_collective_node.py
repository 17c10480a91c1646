"""What a worker hears of the others, tells them, and remembers."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from local_worker_process import TASK, Stage, roll_out
from worker_thread import WorkerThread

from adgps_core.optimized import OptimizedTrajectories
from adgps_local_worker.configuration import LocalConfiguration
from adgps_local_worker.local_state import initial_state
from adgps_local_worker.nodes.collective import Collective
from adgps_local_worker.nodes.futures import StoppedError

GOAL = TASK.instances("training")[1]
STATE = replace(initial_state(TASK, LocalConfiguration()), iteration=4)
OPTIMIZED = OptimizedTrajectories(
    worker="/robot_1/worker",
    iteration=4,
    method="badmm",
    instance=GOAL,
    samples=tuple(roll_out(GOAL, STATE.policy, seed) for seed in range(2)),
    policy=STATE.policy,
    sampling_policy=STATE.policy,
    multipliers=STATE.multipliers,
    kl_weights=STATE.kl_weights,
    round=9,
)


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Parameter server and replay memory."""
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def thread() -> Iterator[WorkerThread]:
    """The worker's node."""
    made = WorkerThread()
    yield made
    made.close()


def _collective(
    thread: WorkerThread, folder: Path | None = None, steps: float = 5.0, patience: float = 30.0
) -> Collective:
    return Collective(thread.node, ["replay_status"], steps, patience, 20, folder, thread.stop)


def test_the_newest_policy_is_followed(stage: Stage, thread: WorkerThread) -> None:
    """The first to arrive ends the wait, also if it is version 0."""
    peers = _collective(thread)
    waiting = thread.call(peers.wait_for_policy)
    with pytest.raises(TimeoutError):
        waiting.result(0.2)
    assert peers.policy_version == "0.0"
    stage.publish_policy(0)
    waiting.result(20)
    assert peers.policy_version == "1.0" and peers.global_policy().version.counter == 0
    stage.publish_policy(7)
    assert stage.wait_until(lambda: peers.policy_version == "1.7")
    assert peers.global_policy().version.counter == 7
    assert 0 <= peers.policy_age < 20


def test_training_is_waited_for_by_steps_or_by_rounds(stage: Stage, thread: WorkerThread) -> None:
    """The status that makes good ends the wait, and no earlier one."""
    peers = _collective(thread)
    for rounds, short, enough in [
        (0, {"rollouts": 2, "steps": 9}, {"rollouts": 2, "steps": 10}),
        (4, {"rollouts": 2, "steps": 99, "round": 3}, {"round": 4}),
    ]:
        stage.publish_status(**short)
        waiting = thread.call(lambda rounds=rounds: peers.wait_for_training(rounds))
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
        stage.publish_status(**enough)
        waiting.result(20)


def test_patience_ends(thread: WorkerThread) -> None:
    """Without any global worker practice goes on, a little later."""
    peers = _collective(thread, patience=0.3)
    begin = time.monotonic()
    thread.call(lambda: peers.wait_for_training(0)).result(20)
    assert time.monotonic() - begin > 0.25


def test_what_was_published_is_remembered_and_published_again(
    stage: Stage, thread: WorkerThread, tmp_path: Path
) -> None:
    """State, samples and round come back to the last bit."""
    peers = _collective(thread, tmp_path)
    assert peers.recall(GOAL.id) is None
    peers.publish(OPTIMIZED, STATE)
    assert stage.wait_until(lambda: len(stage.published) == 1)
    memory = _collective(thread, tmp_path).recall(GOAL.id)
    assert memory is not None and memory.round == 9 and memory.state.iteration == 4
    np.testing.assert_array_equal(memory.state.policy.K, STATE.policy.K)
    for one, other in zip(memory.samples, OPTIMIZED.samples, strict=True):
        np.testing.assert_array_equal(one.states, other.states)
    assert stage.wait_until(lambda: len(stage.published) == 2)
    np.testing.assert_array_equal(stage.published[1].policy.k, STATE.policy.k)


def test_a_damaged_memory_is_none(thread: WorkerThread, tmp_path: Path) -> None:
    """The instance starts anew, and the worker with it."""
    _collective(thread, tmp_path).publish(OPTIMIZED, STATE)
    (path,) = tmp_path.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert _collective(thread, tmp_path).recall(GOAL.id) is None


def test_waits_end_when_the_node_is_stopped(thread: WorkerThread) -> None:
    """All of them, and nothing is begun afterwards."""
    peers = _collective(thread)
    waits = [
        thread.call(peers.wait_for_policy),
        thread.call(lambda: peers.wait_for_training(0)),
    ]
    threading.Event().wait(0.2)
    assert not any(wait.done() for wait in waits)
    thread.stop.set()
    peers.wake()
    for wait in waits:
        assert type(wait.exception(5)) is StoppedError
    for late in (peers.global_policy, lambda: peers.publish(OPTIMIZED, STATE)):
        with pytest.raises(StoppedError):
            late()
