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
    known = {each.id: each for split in SPLITS for each in task.instances(split)}
    for name in ids:
        if name not in known:
            has = ", ".join(
                f"{split}/0 to {split}/{len(task.instances(split)) - 1}" for split in SPLITS
            )
            raise ValueError(f"{task.name} has no instance {name!r}; it has {has}")
    return tuple(known[name] for name in ids)
