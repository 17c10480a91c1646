"""Messages carry everything, exactly, over the wire too; what cannot be is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from core_samples import (
    DIM_U,
    T,
    assert_same,
    make_global_policy,
    make_optimized,
    make_policy,
    make_trajectory,
    trajectory_fields,
)
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message

from adgps_core.conversions import messages
from adgps_core.global_policy import PolicyVersion
from adgps_core.tasks import Instance
from adgps_core.trajectory import Trajectory
from adgps_msgs import msg

_STAMP = Time(sec=5, nanosec=7)


def _wired(message: Any) -> Any:
    """What arrives of a message that was sent."""
    return deserialize_message(serialize_message(message), type(message))


def _optimized_to_msg(optimized: Any) -> Any:
    return messages.optimized_trajectories_to_msg(optimized, _STAMP)


_ROUND_TRIPS: dict[str, tuple[Any, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "version": (
        PolicyVersion(3, 2**63 + 1),
        messages.version_to_msg,
        messages.version_from_msg,
    ),
    "instance": (
        Instance("reach", "test/2", np.array([0.1, -0.2, 1 / 3])),
        messages.instance_to_msg,
        messages.instance_from_msg,
    ),
    "instance without parameters": (
        Instance("door", "only", np.zeros(0)),
        messages.instance_to_msg,
        messages.instance_from_msg,
    ),
    "local policy": (
        make_policy(),
        messages.local_policy_to_msg,
        messages.local_policy_from_msg,
    ),
    "global policy": (
        make_global_policy(),
        messages.global_policy_to_msg,
        messages.global_policy_from_msg,
    ),
    "trajectory": (
        make_trajectory(),
        messages.trajectory_to_msg,
        messages.trajectory_from_msg,
    ),
    "trajectory without measurements": (
        Trajectory(**(trajectory_fields() | {"measurements": {}})),
        messages.trajectory_to_msg,
        messages.trajectory_from_msg,
    ),
    "trajectory with images": (
        Trajectory(**trajectory_fields(), images=tuple(bytes([n, 255, 0]) for n in range(T))),
        messages.trajectory_to_msg,
        messages.trajectory_from_msg,
    ),
    "optimized, badmm": (
        make_optimized(method="badmm"),
        _optimized_to_msg,
        messages.optimized_trajectories_from_msg,
    ),
    "optimized, mdgps": (
        replace(make_optimized(method="mdgps"), condition="training/3"),
        _optimized_to_msg,
        messages.optimized_trajectories_from_msg,
    ),
}


@pytest.mark.parametrize("kind", _ROUND_TRIPS)
def test_there_and_back_is_exact(kind: str) -> None:
    """Every field of every type, to the last bit, after serialization."""
    value, to_msg, from_msg = _ROUND_TRIPS[kind]
    assert_same(from_msg(_wired(to_msg(value))), value)


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_keep_every_nanosecond(nanoseconds: int) -> None:
    """Over the whole range of ROS time."""
    stamp = messages.stamp_from_ns(nanoseconds)
    assert 0 <= stamp.nanosec < 10**9
    assert messages.ns_from_stamp(_wired(stamp)) == nanoseconds


def test_optimized_trajectories_are_stamped() -> None:
    """With the time of publication, which is not the trajectory's."""
    assert _optimized_to_msg(make_optimized()).header.stamp == _STAMP


def test_arrays_outlive_the_message() -> None:
    """What was made of a message does not change with it."""
    message = messages.local_policy_to_msg(make_policy())
    policy = messages.local_policy_from_msg(message)
    message.gain[0] = 99.0
    assert_same(policy, make_policy())


def test_mdgps_sends_no_multipliers() -> None:
    """As the message says; and some that are sent all the same are refused."""
    message = _optimized_to_msg(make_optimized(method="mdgps"))
    assert len(message.multipliers) == 0
    message.multipliers.extend([0.0] * (T * DIM_U))
    with pytest.raises(ValueError, match="multipliers has 8 numbers"):
        messages.optimized_trajectories_from_msg(message)


_FIELDS: dict[str, dict[str, str]] = {
    "local policy": {"gain": "gain|K", "feedforward": "feedforward|k", "covariance": "covar|C"},
    "global policy": {
        "observation_offset": "observation_offset",
        "observation_scale": "observation_scale",
        "values": "values",
    },
    "trajectory": {
        name: name
        for name in (
            "states",
            "observations",
            "actions_sampled",
            "actions_applied",
            "log_probabilities",
            "stamps",
            "lateness",
        )
    },
    "optimized, badmm": {"multipliers": "multipliers", "kl_weights": "kl_weights"},
}
_CASES = [(kind, field, said) for kind, names in _FIELDS.items() for field, said in names.items()]


@pytest.mark.parametrize(("kind", "field", "said"), _CASES)
@pytest.mark.parametrize("change", ["cut", "longer", "empty", "nan", "infinite"])
def test_impossible_fields_are_refused_by_name(
    kind: str, field: str, said: str, change: str
) -> None:
    """Numbers too few, too many, none, or not finite."""
    value, to_msg, from_msg = _ROUND_TRIPS[kind]
    message = _wired(to_msg(value))
    array = getattr(message, field)
    if change == "cut":
        array.pop()
    elif change == "longer":
        array.append(0.0)
    elif change == "empty":
        del array[:]
    else:
        array[-1] = np.nan if change == "nan" else np.inf
    with pytest.raises(ValueError, match=said):
        from_msg(message)


@pytest.mark.parametrize("kind", ["local policy", "trajectory"])
@pytest.mark.parametrize("size", ["horizon", "dim_x", "dim_u", "dim_o"])
@pytest.mark.parametrize("number", [0, 2**32 - 1])
def test_impossible_sizes_are_refused(kind: str, size: str, number: int) -> None:
    """Before any array is looked at."""
    if (kind, size) == ("local policy", "dim_o"):
        return
    value, to_msg, from_msg = _ROUND_TRIPS[kind]
    message = to_msg(value)
    setattr(message, size, number)
    with pytest.raises(ValueError, match="impossible sizes"):
        from_msg(message)


_COUNT = st.integers(0, 4) | st.integers(0, 2**32 - 1)


@given(_COUNT, _COUNT, _COUNT, st.lists(st.integers(0, 64), min_size=3, max_size=3))
def test_a_local_policy_of_any_sizes_is_sound_or_refused(
    horizon: int, dim_x: int, dim_u: int, lengths: list[int]
) -> None:
    """Whatever a message claims, the error is a ValueError."""
    arrays = [messages.to_array(np.ones(length)) for length in lengths]
    message = msg.LocalPolicy(
        horizon=horizon,
        dim_x=dim_x,
        dim_u=dim_u,
        gain=arrays[0],
        feedforward=arrays[1],
        covariance=arrays[2],
    )
    try:
        policy = messages.local_policy_from_msg(message)
    except ValueError:
        return
    assert (policy.horizon, policy.dim_x, policy.dim_u) == (horizon, dim_x, dim_u)
    assert lengths == [horizon * dim_u * dim_x, horizon * dim_u, horizon * dim_u**2]


def test_a_covariance_that_is_none_is_refused() -> None:
    """A message may be well formed and still no policy."""
    message = messages.local_policy_to_msg(make_policy())
    message.covariance[0] = -1.0
    with pytest.raises(ValueError, match="C is not positive definite"):
        messages.local_policy_from_msg(message)


@pytest.mark.parametrize("values", [[0.0] * (6 * T - 1), [np.nan] * (6 * T)])
def test_impossible_measurements_are_refused_by_name(values: list[float]) -> None:
    """A row cut short, or numbers that are none."""
    message = messages.trajectory_to_msg(make_trajectory())
    message.measurements[0].values = messages.to_array(np.array(values))
    with pytest.raises(ValueError, match="measurement imu"):
        messages.trajectory_from_msg(message)


def test_two_measurements_of_one_name_are_refused() -> None:
    """One of them would be lost without a word."""
    message = messages.trajectory_to_msg(make_trajectory())
    message.measurements[1].name = "imu"
    with pytest.raises(ValueError, match="two measurements are named 'imu'"):
        messages.trajectory_from_msg(message)


def test_instances_must_be_finite() -> None:
    """A goal at infinity is none."""
    message = messages.instance_to_msg(Instance("reach", "training/0", np.zeros(9)))
    message.parameters[4] = np.inf
    with pytest.raises(ValueError, match="parameters holds a number that is not finite"):
        messages.instance_from_msg(message)


def test_one_broken_sample_spoils_the_message() -> None:
    """It is refused with the sample's reason."""
    message = _optimized_to_msg(make_optimized())
    message.samples[1].states[3] = np.nan
    with pytest.raises(ValueError, match="states holds a number that is not finite"):
        messages.optimized_trajectories_from_msg(message)


def test_methods_are_known() -> None:
    """Labels of another method are not learned from by mistake."""
    message = _optimized_to_msg(make_optimized())
    message.method = "gps"
    with pytest.raises(ValueError, match="unknown method 'gps'"):
        messages.optimized_trajectories_from_msg(message)
