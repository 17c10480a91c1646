"""What is collected, and how long is trained: the presets, and the jobs that follow from them.

A job is what one process does at a time, some seconds; its product is one file of images, and one
that says how it went. The latter is written last: where it is, the job is done.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from adgps_bringup.description import derived_seed, share_out
from adgps_bringup.options import StackOptions
from adgps_core.tasks import Split
from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import HELD_OUT_HANDLE, TRAINED_HANDLES

OPTIONS = "options.json"
"""The choices, in the folder of a pre-training."""

Kind = Literal["doors", "practice"]
Purpose = Literal["training", "held_out", "other_handle"]
PURPOSES: tuple[Purpose, ...] = ("training", "held_out", "other_handle")
"""Images to train on; of other doors with the same handles; of doors with another handle."""

HANDLES: dict[Purpose, tuple[int, ...]] = {
    "training": TRAINED_HANDLES,
    "held_out": TRAINED_HANDLES,
    "other_handle": (HELD_OUT_HANDLE,),
}
SPLITS: dict[Purpose, Split] = {
    "training": "training",
    "held_out": "validation",
    "other_handle": "test",
}
"""Instances on which robots practise, by what the images are for."""

DOORS_OF_A_JOB = 10


@dataclass(frozen=True)
class Preset:
    """How much of everything.

    Parameters
    ----------
    doors : poses in which a robot sees doors, for each purpose.
    images_of_a_door : of each, the one in which it is searched for included.
    practice_iterations, practice_rollouts : of PI2, on each training door.
    practised : how many doors a robot practises on, for each purpose; fewer, if it has fewer.
    images_of_a_rollout : that are kept.
    steps, batch_size : of gradient descent.
    """

    doors: dict[Purpose, int]
    images_of_a_door: int
    practice_iterations: int
    practice_rollouts: int
    practised: dict[Purpose, int]
    images_of_a_rollout: int
    steps: int
    batch_size: int = 16


PRESETS = {
    "full": Preset(
        doors={"training": 90, "held_out": 10, "other_handle": 10},
        images_of_a_door=5,
        practice_iterations=3,
        practice_rollouts=10,
        practised={"training": 4, "held_out": 1, "other_handle": 1},
        images_of_a_rollout=3,
        steps=5000,
    ),
    "quick": Preset(
        doors={"training": 4, "held_out": 1, "other_handle": 1},
        images_of_a_door=3,
        practice_iterations=1,
        practice_rollouts=2,
        practised={"training": 1, "held_out": 1, "other_handle": 1},
        images_of_a_rollout=3,
        steps=10,
        batch_size=8,
    ),
}


@dataclass(frozen=True)
class PretrainOptions:
    """Choices of a pre-training.

    Parameters
    ----------
    robots : how many; each has its own camera, as in training.
    seed : of everything that is drawn.
    preset : name of one of `PRESETS`.

    Raises
    ------
    ValueError
        If one cannot be.
    """

    task: str = "door"
    robots: int = 4
    seed: int = 0
    preset: str = "full"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        StackOptions(task=self.task, robots=self.robots, seed=self.seed)  # as training does
        if self.task != "door":
            raise ValueError(f"{self.task} has nothing to see, only door")
        if self.preset not in PRESETS:
            raise ValueError(f"unknown preset {self.preset!r}, known: {', '.join(PRESETS)}")

    @property
    def amounts(self) -> Preset:
        """The preset itself."""
        return PRESETS[self.preset]

    def robot_seed(self, robot: int) -> int:
        """Seed that simulated robot 0, 1, ... has in training with the same seed."""
        return derived_seed(self.seed, robot)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> PretrainOptions:
        """Read what `write` wrote; ValueError if there is nothing sound."""
        try:
            return PretrainOptions(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ValueError(
                f"{path.parent} is no pre-training's folder: it has no {path.name}"
            ) from None
        except (OSError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} cannot be used: {error}") from None


@dataclass(frozen=True)
class Job:
    """Some images of one robot.

    Parameters
    ----------
    kind : of "doors" that nobody touches, or of the robot's "practice".
    purpose : what for.
    robot : which, 0, 1, ...
    index : number among those alike.
    doors : poses that are drawn ("doors").
    instance : id of the door to practise on ("practice").
    """

    kind: Kind
    purpose: Purpose
    robot: int
    index: int
    doors: int = 0
    instance: str = ""

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.kind}-robot_{self.robot + 1}-{self.index:02d}"

    def rng(self, seed: int) -> np.random.Generator:
        """Draws what is random in it."""
        purpose = zlib.crc32(f"{self.kind} {self.purpose}".encode())
        return np.random.default_rng([seed, purpose, self.robot, self.index])


def jobs(options: PretrainOptions) -> tuple[Job, ...]:
    """All jobs, those that take longest first."""
    return (*_practice(options), *_doors(options))


def _doors(options: PretrainOptions) -> Iterator[Job]:
    for purpose, count in options.amounts.doors.items():
        for robot in range(options.robots):
            for index, begin in enumerate(range(0, count, DOORS_OF_A_JOB)):
                doors = min(DOORS_OF_A_JOB, count - begin)
                yield Job("doors", purpose, robot, index, doors=doors)


def _practice(options: PretrainOptions) -> Iterator[Job]:
    for purpose, count in options.amounts.practised.items():
        ids = [each.id for each in Door().instances(SPLITS[purpose])]
        # More robots than doors: some practise on the same.
        ids = (ids * options.robots)[: max(len(ids), options.robots)]
        for robot, share in enumerate(share_out(ids, options.robots)):
            for index, instance in enumerate(share[:count]):
                yield Job("practice", purpose, robot, index, instance=instance)
