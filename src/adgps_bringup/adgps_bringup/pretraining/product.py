"""What a job leaves: images with labels, and how well the labels agree with the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adgps_bringup.pretraining.plan import PURPOSES, Job, Purpose
from adgps_bringup.summary import write_json
from adgps_core.typing import Array32
from adgps_global_worker.pretraining.samples import PoseSamples, write_shard

SAMPLES = "samples"


@dataclass
class Product:
    """Grows while a job is done.

    `errors` are those of the doors that were found [m], `refused` counts those that were not.
    """

    robot: int
    images: list[NDArray[np.uint8]] = field(default_factory=list)
    objects: list[Array32] = field(default_factory=list)
    end_effectors: list[Array32] = field(default_factory=list)
    truths: list[Array32] = field(default_factory=list)
    starts: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    refused: int = 0
    rollouts: int = 0

    def judge(self, found: Array32 | None, true: Array32) -> bool:
        """Note how a search went; whether the door was found."""
        if found is None:
            self.refused += 1
            return False
        self.errors.append(float(np.linalg.norm((found - true).reshape(3, 3), axis=1).mean()))
        return True

    def add(
        self,
        image: NDArray[np.uint8],
        found: Array32,
        end_effector: Array32,
        true: Array32,
        start: bool = False,
    ) -> None:
        """Add an image with its labels, and the truth about the door, points (9,) each.

        `start` says that the arm is where rollouts begin.
        """
        self.images.append(image)
        self.objects.append(found)
        self.end_effectors.append(end_effector)
        self.truths.append(true)
        self.starts.append(start)

    def write(self, run: Path, job: Job) -> None:
        """Write the images, then what says that the job is done."""
        folder = folder_of(run, job.purpose)
        folder.mkdir(parents=True, exist_ok=True)
        if self.images:
            samples = PoseSamples(
                np.stack(self.images),
                np.full(len(self.images), self.robot, np.int64),
                np.stack(self.objects),
                np.stack(self.end_effectors),
                np.array(self.starts),
            )
            write_shard(folder, job.name, samples)
        content = {
            "images": len(self.images),
            "rollouts": self.rollouts,
            "refused": self.refused,
            "errors_m": self.errors,
            "true_object_points": [row.astype(float).tolist() for row in self.truths],
        }
        write_json(mark_of(run, job), content)


def folder_of(run: Path, purpose: Purpose) -> Path:
    """Folder of images of a purpose."""
    return run / SAMPLES / purpose


def mark_of(run: Path, job: Job) -> Path:
    """File that says that a job is done, and how it went."""
    return folder_of(run, job.purpose) / f"{job.name}.json"


def done(run: Path, job: Job) -> dict[str, Any] | None:
    """How a job went; None if it is not done, or its images are gone."""
    try:
        content: dict[str, Any] = json.loads(mark_of(run, job).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    there = (folder_of(run, job.purpose) / f"{job.name}.safetensors").exists()
    return content if there or not content["images"] else None


def label_summary(run: Path, jobs: Sequence[Job]) -> dict[str, dict[str, float]]:
    """Images and labels of each purpose: how many, how right, what part was refused."""
    summary: dict[str, dict[str, float]] = {}
    for purpose in PURPOSES:
        found = [done(run, job) or {} for job in jobs if job.purpose == purpose]
        errors = np.array([error for each in found for error in each.get("errors_m", ())])
        refused = sum(each.get("refused", 0) for each in found)
        searched = len(errors) + refused
        summary[purpose] = {
            "images": sum(each.get("images", 0) for each in found),
            "rollouts": sum(each.get("rollouts", 0) for each in found),
            "doors_searched": searched,
            "refused_part": refused / searched if searched else float("nan"),
            "label_error_mm": 1e3 * float(np.median(errors)) if len(errors) else float("nan"),
            "label_error_worst_mm": 1e3 * float(errors.max()) if len(errors) else float("nan"),
        }
    return summary
