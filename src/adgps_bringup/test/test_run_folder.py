"""A run's folder: what it says of a run that is going on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adgps_bringup.description import DEMONSTRATIONS, Stack
from adgps_bringup.options import StackOptions
from adgps_bringup.run_folder import (
    RunFolderError,
    locked,
    read_options,
    running_domain,
    shown_task,
    write_config,
    write_domain,
)
from adgps_core.demonstration import Demonstration, save_demonstrations
from adgps_core.measurements import IMU
from adgps_core.tasks import make_task


def test_the_domain_is_that_of_a_run_that_is_going_on(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run's folder"):
        running_domain(tmp_path)
    with locked(tmp_path):
        with pytest.raises(RunFolderError, match="has no ROS domain yet"):
            running_domain(tmp_path)
        write_domain(tmp_path, 42)
        assert running_domain(tmp_path) == 42
        assert running_domain(tmp_path) == 42, "looking does not disturb the run"
    with pytest.raises(RunFolderError, match="no run is going on"):
        running_domain(tmp_path)
    with locked(tmp_path), pytest.raises(RunFolderError, match="has no ROS domain yet"):
        running_domain(tmp_path)  # the earlier part's domain is not the later one's


@pytest.mark.parametrize("bags", [{}, {"from_bag": Path("/bags/a")}, {"demo": Path("/bags/a")}])
def test_options_come_back(tmp_path: Path, bags: dict[str, Path]) -> None:
    options = replace(StackOptions(run=tmp_path, record="all", storage="sqlite3"), **bags)
    write_config(Stack(options, (), ()))
    assert read_options(tmp_path) == options


def test_a_run_s_task_knows_the_demonstrations_of_the_run(tmp_path: Path) -> None:
    """A task that they define has a cost with them, and cannot be had without."""
    bare = make_task("door")
    with pytest.raises(ValueError, match="there is none"):
        shown_task(tmp_path, "door")
    assert shown_task(tmp_path, "reach").name == "reach"
    instance, still = bare.instances("training")[0], np.zeros((121, 7))
    readings = np.tile([0.0, 0, 0, 1, 0, 0, 0, 0, 0, 9.81], (121, 1))
    shown = Demonstration(instance, still, still, still[1:], {IMU: readings})
    save_demonstrations(tmp_path / DEMONSTRATIONS, [shown])
    task = shown_task(tmp_path, "door")
    states, actions = np.zeros((120, 32)), np.zeros((120, 7))
    assert (task.cost(states, actions, instance, {IMU: readings[1:]}) == 0.0).all()
    (tmp_path / DEMONSTRATIONS).write_bytes(b"broken")
    with pytest.raises(RunFolderError, match=DEMONSTRATIONS):
        shown_task(tmp_path, "door")
