"""What the arm works on, if there is anything: one scene for each task that has one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from adgps_core.tasks import Instance
from adgps_sim.door import DoorScene
from adgps_sim.drawer import DrawerScene
from adgps_sim.guide import Waypoint
from adgps_sim.imu import ImuMount


class Scene(Protocol):
    """Bodies around an arm, in its physics client."""

    @property
    def imu_mount(self) -> ImuMount | None:
        """Where an IMU sits until the next reset; None: there is none."""

    @property
    def succeeded(self) -> bool:
        """Whether the task is done, in truth, for evaluation only; False before the first reset."""

    @property
    def truth(self) -> str:
        """What that is told from, in a few words."""

    def reset(self, instance: Instance) -> None:
        """Set everything up for a rollout on an instance, with no memory of those before."""

    def step(self) -> None:
        """Act on the bodies; called before every step of the physics."""

    def guide_path(self, instance: Instance) -> Sequence[Waypoint]:
        """How a person's hand would lead the arm's through an instance, after a reset."""


SceneBuilder = Callable[[int], Scene]
"""Makes a scene in the physics client of that number."""

_BUILDERS: dict[str, SceneBuilder] = {"drawer": DrawerScene, "door": DoorScene}


def scene_builder(task: str) -> SceneBuilder | None:
    """Find the scene of a task; None where the arm is alone."""
    return _BUILDERS.get(task)
