"""The tasks, by name."""

from collections.abc import Callable

from adgps_core.tasks.door import Door
from adgps_core.tasks.drawer import Drawer
from adgps_core.tasks.reach import Reach
from adgps_core.tasks.starts import start_angles
from adgps_core.tasks.task import SPLITS, CostExpansion, Instance, Split, Task

_BUILDERS: dict[str, Callable[[], Task]] = {"reach": Reach, "drawer": Drawer, "door": Door}
TASKS: tuple[str, ...] = tuple(_BUILDERS)

VISUAL_TASKS = ("visual_door",)
"""The same with a global policy that sees: only what it observes is another. Nodes are told so,
people say the task's bare name."""

__all__ = [
    "SPLITS",
    "TASKS",
    "VISUAL_TASKS",
    "CostExpansion",
    "Instance",
    "Split",
    "Task",
    "make_task",
    "start_angles",
    "visual_name",
]


def make_task(name: str) -> Task:
    """Build the task of that name, one of TASKS or VISUAL_TASKS; ValueError names them."""
    if name in VISUAL_TASKS:
        return Door(visual=True)
    if name not in _BUILDERS:
        raise ValueError(f"unknown task {name!r}, known: {', '.join(TASKS)}")
    return _BUILDERS[name]()


def visual_name(task: str) -> str:
    """Name of a task with a global policy that sees."""
    return f"visual_{task}"
