"""Instances are found by their ids, and by nothing else."""

import pytest

from adgps_core.tasks import SPLITS, make_task
from adgps_core.tasks.finding import find_instances


def test_every_instance_is_found_in_the_order_asked_for() -> None:
    """Of all splits."""
    task = make_task("reach")
    ids = [each.id for split in reversed(SPLITS) for each in task.instances(split)]
    assert [each.id for each in find_instances(task, ids)] == ids


def test_others_are_refused_with_those_that_there_are() -> None:
    """In one line."""
    with pytest.raises(ValueError, match=r"reach has no instance 'a'; it has training/0 to .*/7"):
        find_instances(make_task("reach"), ["training/0", "a"])
