"""A run's folder: what it says of a run that is going on."""

from dataclasses import replace
from pathlib import Path

import pytest

from adgps_bringup.options import StackOptions
from adgps_bringup.run_folder import (
    RunFolderError,
    locked,
    read_options,
    running_domain,
    write_config,
    write_domain,
)
from adgps_bringup.stack import Stack


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
