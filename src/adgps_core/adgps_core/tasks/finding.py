"""A task's fixed instances by their ids."""

from __future__ import annotations

from collections.abc import Sequence

from adgps_core.tasks.task import SPLITS, Instance, Task


def find_instances(task: Task, ids: Sequence[str]) -> tuple[Instance, ...]:
    """Find instances such as "training/0", in the order of their ids.

    Raises
    ------
    ValueError
        If the task has no instance of that id; the message names those that it has.
    """
    groups = [task.instances(split) for split in SPLITS]
    known = {each.id: each for group in groups for each in group}
    for name in ids:
        if name not in known:
            has = [f"{group[0].id} to {group[-1].id}" for group in groups]
            raise ValueError(f"{task.name} has no instance {name!r}; it has {', '.join(has)}")
    return tuple(known[name] for name in ids)
