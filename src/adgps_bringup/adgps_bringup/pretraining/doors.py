"""Images of doors that nobody touches: each searched for once, then seen behind many postures."""

from __future__ import annotations

import numpy as np

from adgps_bringup.pretraining.labelling import DoorFinder, true_points
from adgps_bringup.pretraining.plan import HANDLES, Job, PretrainOptions
from adgps_bringup.pretraining.product import Product
from adgps_bringup.pretraining.studio import Studio, shoot
from adgps_core.demonstration import Demonstration
from adgps_core.tasks.door import START, Door
from adgps_core.tasks.doors import CENTRE, SPREAD
from adgps_core.typing import Array

BEYOND = 1.2
"""Doors stand this much farther from the centre than the task's do."""
START_DEVIATION = 0.02
POSTURE_DEVIATION = 0.08
"""Of the joint angles, from those at the start and from those of a demonstration [rad]."""
EDGE = 12
"""A hand nearer to an image's edge than this counts as outside: the camera's own pose is unknown
[pixels]."""


def collect_doors(
    options: PretrainOptions, job: Job, shown: tuple[Demonstration, ...], finder: DoorFinder
) -> Product:
    """Do a job of the kind "doors".

    The first image of a door is that of the start of a rollout, when the arm hides little of it.
    There it is searched for, and what is found labels the other images of it too.
    """
    rng = job.rng(options.seed)
    studio = Studio(options.task, options.robot_seed(job.robot))
    product = Product(job.robot)
    task, handles = Door(), HANDLES[job.purpose]
    for number in range(job.doors):
        pose = CENTRE + BEYOND * SPREAD * rng.uniform(-1.0, 1.0, 4)
        handle = handles[(job.index + number) % len(handles)]
        instance = task.door(pose, handle, f"{job.purpose}/{number}")
        true = true_points(studio.camera.pose, instance)
        start = START + START_DEVIATION * rng.standard_normal(7)
        end_effector = studio.arrange(start, instance)
        shot = shoot(studio.camera, rng)
        found = finder.find(shot.depth, handle)
        postures = [_posture(shown, rng) for _ in range(options.amounts.images_of_a_door - 1)]
        if not product.judge(found, true) or found is None:
            continue
        product.add(shot.image, found, end_effector, true, start=True)
        for angles in postures:
            end_effector = studio.arrange(angles, instance)
            if not studio.in_view(end_effector, EDGE):
                continue  # nobody could tell where the hand is
            product.add(shoot(studio.camera, rng).image, found, end_effector, true)
    studio.close()
    return product


def _posture(shown: tuple[Demonstration, ...], rng: np.random.Generator) -> Array:
    """Joint angles (7,) near some of a demonstration [rad]."""
    angles = shown[rng.integers(len(shown))].joint_angles
    posture: Array = angles[rng.integers(len(angles))] + POSTURE_DEVIATION * rng.standard_normal(7)
    return posture
