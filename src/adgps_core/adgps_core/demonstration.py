"""What a person showed: a motion of the arm through one rollout of a task, and files of such.

A demonstration starts a local policy off (Algorithm 2): the arm follows it before it has learned
anything. Shapes: T steps, dU joints, dZ measurement.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from adgps_core.checkpoints import DamagedCheckpointError, read_checkpoint, write_checkpoint
from adgps_core.tasks.task import Instance
from adgps_core.typing import Array, frozen

KIND = "demonstrations"
_MEASUREMENT = "measurements/"


@dataclass(frozen=True)
class Demonstration:
    """One motion, at the ticks of a rollout.

    Parameters
    ----------
    instance : that was shown.
    joint_angles : (T+1, dU) [rad].
    joint_velocities : (T+1, dU) [rad/s].
    feedforward : (T, dU) torques above gravity compensation that move the free arm like this when
        each is held for a tick [N·m].
    measurements : name to (T+1, dZ), such as IMU readings.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, or there is no step.
    """

    instance: Instance
    joint_angles: Array
    joint_velocities: Array
    feedforward: Array
    measurements: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate, and freeze the arrays."""
        if np.ndim(self.feedforward) != 2:
            raise ValueError("feedforward must have two dimensions")
        horizon, dim_u = np.shape(self.feedforward)
        if horizon < 1:
            raise ValueError("a demonstration needs at least one step")
        shapes = {
            "joint_angles": (horizon + 1, dim_u),
            "joint_velocities": (horizon + 1, dim_u),
            "feedforward": (horizon, dim_u),
        }
        for name, shape in shapes.items():
            object.__setattr__(self, name, frozen(getattr(self, name), shape, name))
        measurements = {}
        for name, values in self.measurements.items():
            if np.ndim(values) != 2:
                raise ValueError(f"measurement {name} must have two dimensions")
            shape = (horizon + 1, np.shape(values)[1])
            measurements[name] = frozen(values, shape, f"measurement {name}")
        object.__setattr__(self, "measurements", measurements)

    @property
    def horizon(self) -> int:
        """Number of control ticks T."""
        return int(self.feedforward.shape[0])

    @property
    def dim_u(self) -> int:
        """Number of joints dU."""
        return int(self.feedforward.shape[1])


def nearest(demonstrations: Sequence[Demonstration], instance: Instance) -> Demonstration:
    """Find the demonstration whose instance has parameters nearest to an instance's.

    Raises
    ------
    ValueError
        If there is none of that task.
    """
    of_task = [each for each in demonstrations if each.instance.task == instance.task]
    if not of_task:
        raise ValueError(f"there is no demonstration of {instance.task}")
    return min(
        of_task,
        key=lambda each: float(np.linalg.norm(each.instance.parameters - instance.parameters)),
    )


def save_demonstrations(path: Path, demonstrations: Sequence[Demonstration]) -> None:
    """Write demonstrations into one file, atomically; OSError if that cannot be."""
    arrays: dict[str, Array] = {}
    for index, each in enumerate(demonstrations):
        parts = {
            "parameters": each.instance.parameters,
            "joint_angles": each.joint_angles,
            "joint_velocities": each.joint_velocities,
            "feedforward": each.feedforward,
            **{_MEASUREMENT + name: values for name, values in each.measurements.items()},
        }
        arrays |= {f"{index}/{name}": values for name, values in parts.items()}
    instances = [[each.instance.task, each.instance.id] for each in demonstrations]
    write_checkpoint(path, arrays, {"kind": KIND, "instances": json.dumps(instances)})


def load_demonstrations(path: Path) -> tuple[Demonstration, ...]:
    """Read what `save_demonstrations` wrote, verified.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    adgps_core.checkpoints.DamagedCheckpointError
        As `read_checkpoint`, and if the file holds something other than demonstrations.
    """
    arrays, metadata = read_checkpoint(path)
    if metadata.get("kind") != KIND:
        raise DamagedCheckpointError(f"{path} is {metadata.get('kind')!r}, not {KIND!r}")
    try:
        instances = json.loads(metadata["instances"])
        return tuple(
            _demonstration(arrays, f"{index}/", task, instance_id)
            for index, (task, instance_id) in enumerate(instances)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedCheckpointError(f"{path} holds no demonstrations: {error}") from error


def _demonstration(
    arrays: Mapping[str, Array], prefix: str, task: str, instance_id: str
) -> Demonstration:
    below = prefix + _MEASUREMENT
    return Demonstration(
        Instance(task, instance_id, arrays[prefix + "parameters"]),
        arrays[prefix + "joint_angles"],
        arrays[prefix + "joint_velocities"],
        arrays[prefix + "feedforward"],
        {name[len(below) :]: data for name, data in arrays.items() if name.startswith(below)},
    )
