"""Results of trials on a grid of nothing in particular."""

import numpy as np

from adgps_bringup.trials.log import TrialResult
from adgps_core.tasks import Instance
from adgps_core.tasks.trials import TrialGrid

GRID = TrialGrid(
    "grid",
    tuple(Instance("x", f"grid/{index}", np.array([float(index)])) for index in range(6)),
    ("near", "far"),
    ("left", "ahead", "right"),
    "translation",
    "orientation",
)


def result(robot: str, number: int, succeeded: bool | None = True) -> TrialResult:
    """What came of one trial."""
    truth = "" if succeeded is None else "hinge at 0.50 rad"
    instance = GRID.instance(number).id
    return TrialResult(robot, number, instance, succeeded, truth, 10.0 + number, 0.3, 0.1, True)
