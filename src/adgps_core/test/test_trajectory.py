"""A trajectory is complete and consistent, or it is none."""

from typing import Any

import numpy as np
import pytest
from core_samples import T, assert_same, make_trajectory, trajectory_fields

from adgps_core.global_policy import PolicyVersion
from adgps_core.trajectory import Trajectory

_ARRAYS = (
    "states",
    "observations",
    "actions_sampled",
    "actions_applied",
    "log_probabilities",
    "stamps",
    "lateness",
)


def _changed(**changes: Any) -> Trajectory:
    return Trajectory(**(trajectory_fields() | changes))


def test_it_keeps_what_it_is_given() -> None:
    """Every field, unchanged."""
    given, trajectory = trajectory_fields(), make_trajectory()
    assert trajectory.horizon == T
    for name, value in given.items():
        assert_same(getattr(trajectory, name), value)


@pytest.mark.parametrize("name", _ARRAYS)
def test_a_step_too_few_is_refused(name: str) -> None:
    """The message names a field, and where the number of actions is right, this one."""
    # The horizon is that of the sampled actions; with one of them missing, states do not fit.
    said = "states" if name == "actions_sampled" else name
    with pytest.raises(ValueError, match=f"{said} has shape"):
        _changed(**{name: trajectory_fields()[name][:-1]})


@pytest.mark.parametrize("name", _ARRAYS)
def test_a_dimension_too_many_is_refused(name: str) -> None:
    """And named."""
    with pytest.raises(ValueError, match=name):
        _changed(**{name: trajectory_fields()[name][..., None]})


@pytest.mark.parametrize("name", _ARRAYS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(name: str, value: float) -> None:
    """And named, wherever they stand."""
    array = np.array(trajectory_fields()[name])
    array.flat[-1] = value
    with pytest.raises(ValueError, match=f"{name} holds a number that is not finite"):
        _changed(**{name: array})


def test_applied_actions_are_as_wide_as_sampled_ones() -> None:
    """A torque that is missing is not taken for zero."""
    with pytest.raises(ValueError, match="actions_applied has shape"):
        _changed(actions_applied=trajectory_fields()["actions_applied"][:, :1])


@pytest.mark.parametrize("step", [0.0, -0.01])
def test_stamps_must_rise(step: float) -> None:
    """Time neither stands still nor runs backwards."""
    stamps = np.array(trajectory_fields()["stamps"])
    stamps[2] = stamps[1] + step
    with pytest.raises(ValueError, match="stamps must rise"):
        _changed(stamps=stamps)


def test_a_rollout_without_a_step_is_none() -> None:
    """There is nothing to learn from a state alone."""
    empty = {name: trajectory_fields()[name][:0] for name in _ARRAYS}
    with pytest.raises(ValueError, match="at least one step"):
        _changed(**empty)


@pytest.mark.parametrize(
    "values",
    [np.zeros((T + 1, 2)), np.zeros(T), np.float64(0.0), np.full((T, 2), np.nan)],
    ids=["a row too many", "flat", "scalar", "not finite"],
)
def test_impossible_measurements_are_refused_by_name(values: np.ndarray[Any, Any]) -> None:
    """A measurement belongs to its tick."""
    with pytest.raises(ValueError, match="measurement wrist_force"):
        _changed(measurements={"wrist_force": values})


def test_a_trajectory_cannot_be_changed() -> None:
    """Neither through it nor through the arrays that it was made of."""
    fields = trajectory_fields()
    trajectory = Trajectory(**fields)
    fields["states"][0, 0] = 99.0
    fields["measurements"]["imu"][0, 0] = 99.0
    assert_same(trajectory, make_trajectory())
    for array in (trajectory.states, trajectory.measurements["imu"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_a_local_policy_has_no_version() -> None:
    """Epoch 0 is no global policy's."""
    fields = trajectory_fields()
    del fields["policy_version"]
    assert Trajectory(**fields).policy_version == PolicyVersion(0, 0)
