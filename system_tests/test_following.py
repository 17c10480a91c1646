"""A recorded demonstration is followed by the first policies; the run needs its bag no more."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stack_process import INSTANCES, SAMPLES, TASK, StackProcess, TrainProcess

from adgps_core.demonstration import load_demonstrations
from adgps_local_worker.checkpoint import load_state
from adgps_local_worker.local_state import Batch

Train = Callable[..., TrainProcess]
Command = Callable[..., StackProcess]
pytestmark = pytest.mark.timeout(400)  # for a busy machine; it takes about 40 s on two cores

SHOWN = TASK.instances("training")[0]


def newest_batch(run: Path) -> tuple[Batch, int]:
    """Newest rollouts of the instance that was shown, and how many iterations it has had."""
    path = run / "checkpoints" / "local_workers" / f"{SHOWN.id.replace('/', '-')}.safetensors"
    state, _ = load_state(path)
    assert state.batch is not None
    return state.batch, state.iteration


def test_the_first_rollouts_follow_a_demonstration(
    command: Command, train: Train, tmp_path: Path
) -> None:
    bag = tmp_path / "bag"
    arguments = ("--demo", bag, "--task", "reach", "--instance", SHOWN.id)
    command("record", *arguments, "--real-time-factor", 5).succeed()

    process = train("--robots", 2, "--demo", bag)
    process.succeed()
    assert f"{bag}: 1 demonstration of reach: training/0" in process.output
    assert process.summary["rollouts"] == INSTANCES["training"] * SAMPLES
    (kept,) = load_demonstrations(process.run / "demonstrations.safetensors")
    batch, iteration = newest_batch(process.run)
    assert iteration == 1
    way = TASK.distance(batch.states[:, [0, -1]], SHOWN)
    assert (way[:, 0] > 0.3).all() and (way[:, 1] < 0.06).all(), way
    beside = np.abs(batch.states[..., :7] - kept.joint_angles).max()
    assert beside < 0.25, beside

    shutil.rmtree(bag)
    resumed = command("train", "reach", "--run", process.run, "--resume", "--iterations", 2)
    resumed.succeed()
    assert newest_batch(process.run)[1] == 2
    assert process.left_behind == [] and resumed.left_behind == []
