"""Images of a robot that learns to open doors without seeing them: PI2 from demonstrations."""

from __future__ import annotations

import numpy as np

from adgps_bringup.in_process import InProcessRobot, practise
from adgps_bringup.local_settings import local_configuration
from adgps_bringup.pretraining.labelling import DoorFinder, true_points
from adgps_bringup.pretraining.plan import Job, PretrainOptions
from adgps_bringup.pretraining.product import Product
from adgps_bringup.pretraining.studio import VARIATION, Shot, shoot
from adgps_core.demonstration import Demonstration
from adgps_core.end_effector import POINT_POSITIONS
from adgps_core.phases import Phase
from adgps_core.tasks import Instance
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import handle_of
from adgps_core.tasks.finding import find_instances
from adgps_core.typing import Array, Array32
from adgps_local_worker.schedule import Schedule
from adgps_sim.camera import Camera
from adgps_sim.variation import variation_of
from adgps_sim.world import World

SEARCHES = 3
"""How often a door is searched for, at the start of a rollout each, until it is found."""


class _Witness:
    """Watches rollouts on one door: searches for it, and keeps images of ticks that it draws."""

    def __init__(
        self, instance: Instance, horizon: int, images: int, finder: DoorFinder, job: Job, seed: int
    ) -> None:
        self._instance = instance
        self._ticks = np.arange(1, horizon + 1)
        self._images = images
        self._finder = finder
        self._rng = job.rng(seed)
        self._chosen: set[int] = set()
        self._camera: Camera | None = None
        self._kept: list[tuple[Shot, Array32]] = []
        self._found: Array32 | None = None
        self.product = Product(job.robot)

    def __call__(self, world: World, tick: int, state: Array) -> None:
        """Look, if this is a tick to look at."""
        self._camera = self._camera or world.camera()
        if tick == 0:
            self.product.rollouts += 1
            self._chosen = set(self._rng.choice(self._ticks, self._images, replace=False).tolist())
            if self._found is None and self.product.refused < SEARCHES:
                self._true = true_points(self._camera.pose, self._instance)
                depth = shoot(self._camera, self._rng).depth
                self._found = self._finder.find(depth, handle_of(self._instance))
                self.product.judge(self._found, self._true)
        elif tick in self._chosen:
            points = state[POINT_POSITIONS].astype(np.float32)
            self._kept.append((shoot(self._camera, self._rng), points))

    def finish(self) -> Product:
        """Label the images, if the door was found."""
        if self._found is not None:
            for shot, points in self._kept:
                self.product.add(shot.image, self._found, points, self._true)
        return self.product


def collect_practice(
    options: PretrainOptions, job: Job, shown: tuple[Demonstration, ...], finder: DoorFinder
) -> Product:
    """Do a job of the kind "practice"."""
    task, amounts, seed = Door().shown(shown), options.amounts, options.robot_seed(job.robot)
    (instance,) = find_instances(task, [job.instance])
    witness = _Witness(
        instance, task.horizon, amounts.images_of_a_rollout, finder, job, options.seed
    )
    robot = InProcessRobot(task, seed, variation=variation_of(seed, VARIATION), watch=witness)
    iterations = amounts.practice_iterations if job.purpose == "training" else 1
    schedule = Schedule(
        (Phase("badmm", "pi2", iterations),), samples=amounts.practice_rollouts, seed=seed
    )
    settings = local_configuration(task.name, "badmm", "pi2")
    practise(robot, task, [instance], schedule, settings, demonstrations=shown)
    robot.close()
    return witness.finish()
