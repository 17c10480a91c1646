"""The tasks, by name."""

from collections.abc import Callable

from adgps_core.tasks.door import Door
from adgps_core.tasks.drawer import Drawer
from adgps_core.tasks.reach import Reach
from adgps_core.tasks.starts import start_angles
from adgps_core.tasks.task import SPLITS, CostExpansion, Instance, Split, Task

_BUILDERS: dict[str, Callable[[], Task]] = {"reach": Reach, "drawer": Drawer, "door": Door}
TASKS: tuple[str, ...] = tuple(_BUILDERS)

__all__ = [
    "SPLITS",
    "TASKS",
    "CostExpansion",
    "Instance",
    "Split",
    "Task",
    "make_task",
    "start_angles",
]


def make_task(name: str) -> Task:
    """Build the task of that name; ValueError names the known ones."""
    if name not in _BUILDERS:
        raise ValueError(f"unknown task {name!r}, known: {', '.join(TASKS)}")
    return _BUILDERS[name]()
