"""How far predicted poses are from the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adgps_core.typing import Array32


@dataclass(frozen=True)
class PoseError:
    """How far predicted points are from the true ones, over held-out images [cm].

    Parameters
    ----------
    object_cm, end_effector_cm : mean distance.
    object_worst_cm, end_effector_worst_cm : the 95 % quantile of the images' mean distances.
    """

    object_cm: float
    end_effector_cm: float
    object_worst_cm: float
    end_effector_worst_cm: float


def pose_error(predicted: tuple[Array32, Array32], labels: tuple[Array32, Array32]) -> PoseError:
    """Compare points (N, 9) of objects and end-effectors with where they are [m]."""
    offsets = (100 * (p - q).reshape(-1, 3, 3) for p, q in zip(predicted, labels, strict=True))
    distances = [np.linalg.norm(offset, axis=-1).mean(-1) for offset in offsets]
    means = (float(each.mean()) for each in distances)
    worst = (float(np.quantile(each, 0.95)) for each in distances)
    return PoseError(*means, *worst)
