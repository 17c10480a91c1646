"""What a pre-trained network is worth, on images that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adgps_bringup.pretraining.plan import Job, Purpose
from adgps_bringup.pretraining.product import done, folder_of
from adgps_core.typing import Array32
from adgps_global_worker.pretraining.pretrainer import Pretraining, pose_error
from adgps_global_worker.pretraining.samples import PoseDataset


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
