"""What robots of the door benchmarks see: a camera's image, a stand-in for it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from adgps_bringup.description import derived_seed
from adgps_bringup.in_process import InProcessRobot
from adgps_core.global_policy import GlobalPolicy
from adgps_core.measurements import FEATURES, GRIPPER
from adgps_core.tasks import Instance, Task
from adgps_core.typing import Array
from adgps_core.vision.architecture import FIGURE_8
from adgps_core.vision.storage import read_network
from adgps_local_worker.sampling import RolloutError
from adgps_sim.camera import Camera
from adgps_sim.variation import variation_of
from adgps_sim.world import World
from doors.stand_in import StandIn

Sense = Callable[[World, Instance, int, Array], Mapping[str, Array]]
BLIND, STAND_IN = "nothing", "stand-in"
TRIAL_SEED = 10**6
"""Far from the seeds of practice."""


class Eye:
    """The robot's camera, and a vision network.

    Parameters
    ----------
    path : of the network's file.
    """

    def __init__(self, path: Path) -> None:
        self._network = read_network(path)
        self._camera: Camera | None = None

    def __call__(
        self, world: World, instance: Instance, tick: int, state: Array
    ) -> Mapping[str, Array]:
        """Look, as the nodes do."""
        self._camera = self._camera or world.camera()
        features = self._network.features(self._camera.look().image)
        return {FEATURES: features.astype(float), GRIPPER: np.array([0.04])}


def see_nothing(world: World, instance: Instance, tick: int, state: Array) -> Mapping[str, Array]:
    """Measure zeros in place of features."""
    return {FEATURES: np.zeros(FIGURE_8.dim_features), GRIPPER: np.array([0.04])}


def make_robot(task: Task, index: int, seed: int, sight: str) -> InProcessRobot:
    """Make robot 0, 1, ... of those that a seed has, each different from the others.

    Parameters
    ----------
    task, index, seed : which robot of which run.
    sight : `BLIND`, `STAND_IN`, or the path of a vision network.
    """
    its = derived_seed(seed, index)
    sense: Sense
    if sight == BLIND:
        sense = see_nothing
    elif sight == STAND_IN:
        sense = StandIn(its)
    else:
        sense = Eye(Path(sight))
    name = f"robot_{index + 1}"
    return InProcessRobot(task, its, variation=variation_of(its, 1.0), sense=sense, name=name)


def opened(
    task: Task,
    policy: GlobalPolicy,
    sight: str,
    index: int,
    seed: int,
    doors: Sequence[Instance],
) -> int:
    """How many of some doors a robot opens without exploration."""
    robot = make_robot(task, index, seed, sight)
    count = 0
    for door in doors:
        robot.reset(door, TRIAL_SEED)
        try:
            robot.rollout(door, policy, TRIAL_SEED, 0.0)
        except RolloutError:
            continue
        count += bool(robot.succeeded)
    robot.close()
    return count
