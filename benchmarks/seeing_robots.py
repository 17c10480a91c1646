"""How fast simulated robots with cameras are in lock-step, as a part of real time.

    ./adgps exec python benchmarks/seeing_robots.py [--robots 4] [--rollouts 3]

Each robot is the process of a training run: physics, camera, vision network and torque controller,
with ROS between them; its rollouts on the door are those of an untrained global policy that
observes features. Nothing else of the stack runs. A robot's part of real time is simulated time of
its rollouts over the time on the wall from its first state to its last, resets included. The exit
status is 1 if the median robot stays below 0.3.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from adgps_bringup.description import robot_names
from adgps_bringup.evaluator import Tried
from adgps_bringup.measuring import Subject, describe_for_evaluation, evaluating
from adgps_bringup.options import StackOptions
from adgps_bringup.trials.plan import Trial
from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion
from adgps_core.tasks import make_task
from adgps_core.tasks.door import Demonstrated, Door
from adgps_core.vision.architecture import VisionArchitecture, initial_vision_values
from adgps_core.vision.features import VisionNetwork
from adgps_core.vision.storage import write_network

REQUIRED = 0.3
TASK = Door()
STILL = np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], (TASK.horizon, 1))
SECOND_NS = 1_000_000_000


class Watch:
    """Notes when rollouts end, and how long they were in simulated time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ends: dict[str, list[float]] = {}
        self.simulated: dict[str, list[float]] = {}

    def note(self, robot: str, tried: Tried) -> None:
        """Note one."""
        with self._lock:
            self.ends.setdefault(robot, []).append(time.monotonic())
            seconds = (tried.end_ns - tried.begin_ns) / SECOND_NS
            self.simulated.setdefault(robot, []).append(seconds)

    def factors(self) -> np.ndarray:
        """Parts of real time (N,) of the robots; the first rollout of each is where it begins."""
        return np.array(
            [
                sum(self.simulated[robot][1:]) / (ends[-1] - ends[0])
                for robot, ends in sorted(self.ends.items())
            ]
        )


def measure(robots: int, rollouts: int, sees: bool, folder: Path) -> np.ndarray:
    """Parts of real time (N,)."""
    file = folder / "vision.safetensors"
    options = StackOptions(task="door", robots=robots, run=folder, vision=file if sees else None)
    if sees:
        architecture = VisionArchitecture()
        values = initial_vision_values(architecture, np.random.default_rng(0))
        write_network(file, VisionNetwork(architecture, values))
    size = make_task(options.policy_task).dim_o
    layers = Architecture(size, 7, hidden=(64, 64))
    resting = np.zeros(layers.size, np.float32)
    policy = GlobalPolicy(layers, np.zeros(size), np.ones(size), resting, PolicyVersion(1, 0))
    names = robot_names(options)
    nodes = describe_for_evaluation(options, (0.0, 0.0, 0.0), filmed=False)
    instances = TASK.instances("training")
    # Costs, in which nobody is interested here, are distances from something that was shown.
    task = replace(TASK, demonstrated=(Demonstrated(instances[0], STILL),))
    subject = Subject(folder, options, task, policy, names, nodes)
    trials = [
        Trial(instances[(number + index) % len(instances)], robot, number, number)
        for number in range(rollouts + 1)
        for index, robot in enumerate(names)
    ]
    watch = Watch()
    with evaluating(subject, print) as (session, evaluator):
        evaluator.run_trials(
            trials, policy.version, session.tick, lambda index, result: None, watch.note
        )
    return watch.factors()


def main() -> int:
    """Measure without and with eyes, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", type=int, default=4)
    parser.add_argument("--rollouts", type=int, default=3, help="of each robot (3)")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{options.robots} robots, {os.cpu_count()} cores, load before: {load:.2f}\n")
    print("| robots | part of real time, median | slowest | all together |\n|---|---|---|---|")
    median = 0.0
    for sees, name in ((False, "blind"), (True, "with camera and features")):
        with tempfile.TemporaryDirectory() as folder:
            factors = measure(options.robots, options.rollouts, sees, Path(folder))
        median = float(np.median(factors))
        cells = f"{median:.2f} | {factors.min():.2f} | {factors.sum():.2f}"
        print(f"| {name} | {cells} |", flush=True)
    return 0 if median >= REQUIRED else 1


if __name__ == "__main__":
    sys.exit(main())
