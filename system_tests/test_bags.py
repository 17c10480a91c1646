"""A run that is recorded, its recorder killed in the middle, and what its bag is good for."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from stack_process import (
    INSTANCES,
    SAMPLES,
    STEPS_PER_ROLLOUT,
    TINY,
    StackProcess,
    TrainProcess,
    wait_for,
)

from adgps_bringup.bags.reader import Bag
from adgps_param_server.checkpoints import load_policy

Train = Callable[..., TrainProcess]
Command = Callable[..., StackProcess]
pytestmark = pytest.mark.timeout(400)

ITERATIONS = 2
ROLLOUTS = INSTANCES["training"] * ITERATIONS * SAMPLES
PARAMETERS = {
    **TINY,
    "/**/local_worker": {**TINY["/**/local_worker"], "phases": [f"badmm+lqr:{ITERATIONS}"]},
}
TRAJECTORIES = {f"/robot_{i + 1}/optimized_trajectories" for i in range(2)}


def count_trajectories(bag: Path) -> int:
    """Messages with trajectories in a bag that is sound."""
    with Bag(bag, pytest.fail) as content:
        return sum(content.counts[name] for name in TRAJECTORIES)


def test_a_recorded_run_trains_without_robots_and_repeats_bit_for_bit(
    train: Train, command: Command, tmp_path: Path
) -> None:
    live = train("--robots", 2, "--record", parameters=PARAMETERS)
    states = live.run / "checkpoints" / "local_workers"
    wait_for(lambda: len([*states.glob("training-*.safetensors")]) >= 3, "some iterations")
    (killed,) = live.starts("recorder")
    os.kill(killed, signal.SIGKILL)
    live.succeed()
    assert len(live.starts("recorder")) == 2
    assert "[recorder] was ended by SIGKILL; starting it again" in live.output
    assert re.search(r"mended .*: bag_0.mcap had no end; saved \d+ messages", live.output)
    bag = live.run / "bag"
    assert {path.name for path in bag.iterdir()} == {"bag_0.mcap", "bag_1.mcap", "metadata.yaml"}
    # Nothing was lost, for the local workers keep what they publish; and nothing is there twice.
    assert count_trajectories(bag) == INSTANCES["training"] * ITERATIONS

    replayed = command("replay", live.run, "--on-sim")
    replayed.succeed()
    assert f"all {ROLLOUTS} trajectories are identical, bit for bit" in replayed.output

    config, run = tmp_path / "tiny.yaml", tmp_path / "from_bag"
    trained = command("train", "reach", "--from-bag", bag, "--run", run, "--config", config)
    trained.succeed()
    assert f"{ROLLOUTS} rollouts of 2 robots, reach, badmm" in trained.output
    summary = json.loads((run / "summary.json").read_text())
    assert summary["rollouts"] == ROLLOUTS
    assert {split: len(it["per_instance"]) for split, it in summary["evaluation"].items()} == (
        INSTANCES
    )
    version = load_policy(run / "checkpoints" / "param_server").version
    assert version.counter == STEPS_PER_ROLLOUT * ROLLOUTS  # as many as the run with robots
    assert summary["policy_version"] == str(version)
    assert trained.left_behind == [], trained.output
