"""What a pre-trained network is worth, on images that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from adgps_bringup.pretraining.plan import PURPOSES, Job, PretrainOptions, Purpose
from adgps_bringup.pretraining.product import done, folder_of, label_summary
from adgps_bringup.summary import SCHEMA_VERSION
from adgps_core.typing import Array32
from adgps_global_worker.pretraining.pose_error import pose_error
from adgps_global_worker.pretraining.pretrainer import Pretraining
from adgps_global_worker.pretraining.samples import PoseDataset

_TITLES = {
    "training": "images to train on",
    "held_out": "images held out",
    "other_handle": "a handle held out",
}


def measure(
    pretraining: Pretraining, run: Path, jobs: Sequence[Job], purpose: Purpose
) -> dict[str, float]:
    """Errors on images of a purpose, against the simulator's truth [cm]; {} if there is no image.

    Where the door is was never told in training; its labels are those of the search.
    """
    try:
        data = PoseDataset(folder_of(run, purpose))
    except FileNotFoundError:
        return {}
    error = pose_error(
        pretraining.predict(data),
        (true_object_points(run, jobs, purpose), data.end_effector_points),
    )
    return {
        "images": len(data),
        "door_cm": error.object_cm,
        "door_95_cm": error.object_worst_cm,
        "end_effector_cm": error.end_effector_cm,
        "end_effector_95_cm": error.end_effector_worst_cm,
    }


def true_object_points(run: Path, jobs: Sequence[Job], purpose: Purpose) -> Array32:
    """Points (N, 9) of the doors in the images of a purpose, in the data set's order [m]."""
    found = [
        done(run, job) or {}
        for job in sorted(jobs, key=lambda job: job.name)
        if job.purpose == purpose
    ]
    rows = [row for each in found for row in each.get("true_object_points", ())]
    return np.reshape(np.array(rows, np.float32), (-1, 9))


def summarise(
    pretraining: Pretraining, options: PretrainOptions, run: Path, jobs: Sequence[Job]
) -> dict[str, Any]:
    """Content of summary.json."""
    return {
        "schema_version": SCHEMA_VERSION,
        **asdict(options),
        "steps": pretraining.step,
        "labels": label_summary(run, jobs),
        "errors": {
            purpose: found
            for purpose in PURPOSES
            if purpose != "training" and (found := measure(pretraining, run, jobs, purpose))
        },
    }


def describe(content: Mapping[str, Any]) -> Iterator[str]:
    """Tell what is in a summary, line by line."""
    for purpose, labels in content["labels"].items():
        yield (
            f"{_TITLES[purpose]}: {labels['images']} images; {labels['doors_searched']} doors"
            f" searched for, {labels['refused_part']:.0%} not found, the others"
            f" {labels['label_error_mm']:.1f} mm off (at most {labels['label_error_worst_mm']:.1f})"
        )
    for purpose, errors in content["errors"].items():
        yield (
            f"{_TITLES[purpose]}, predicted: door {errors['door_cm']:.2f} cm off"
            f" (95 %: {errors['door_95_cm']:.2f}), end-effector {errors['end_effector_cm']:.2f} cm"
            f" (95 %: {errors['end_effector_95_cm']:.2f})"
        )
