"""Whatever arrives, samples are finite, complete, in the arm's order, and rise in time."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adgps_robot.joint_states import Refusal, StateFilter

NAMES = ("shoulder", "elbow")
EVERYTHING = ("finger", *NAMES)
messages = st.tuples(
    st.integers(0, 20),
    st.one_of(st.permutations(EVERYTHING), st.lists(st.sampled_from(EVERYTHING), max_size=4)),
    st.lists(st.floats(), min_size=2, max_size=3),
    st.lists(st.floats(), min_size=3, max_size=3),
)


@given(st.lists(messages, max_size=40))
def test_samples_are_sound_and_everything_else_is_counted(
    stream: list[tuple[int, list[str], list[float], list[float]]],
) -> None:
    """Any stream of messages."""
    states = StateFilter(NAMES)
    stamps = []
    for stamp, names, positions, velocities in stream:
        sample = states.take(stamp, names, positions, velocities, now=0.0)
        if sample is not None:
            stamps.append(sample.stamp_ns)
            expected = [positions[names.index(name)] for name in NAMES]
            np.testing.assert_array_equal(sample.angles, expected)
            assert np.isfinite([sample.angles, sample.velocities]).all()
            assert states.newest is sample
    assert all(a < b for a, b in itertools.pairwise(stamps))
    assert states.accepted + sum(states.refusals.values()) == len(stream)


def test_fingers_are_left_out_and_the_order_is_the_arms() -> None:
    """A real driver publishes every joint it has, in its own order."""
    states = StateFilter(NAMES)
    sample = states.take(1, ["elbow", "finger", "shoulder"], [2.0, 9.0, 1.0], [4.0, 9.0, 3.0], 0.0)
    assert sample is not None
    np.testing.assert_array_equal(sample.angles, [1.0, 2.0])
    np.testing.assert_array_equal(sample.velocities, [3.0, 4.0])


def test_the_gripper_is_as_open_as_its_fingers_are_apart() -> None:
    """Where it is asked for, a state without it, or without a number for it, is none."""
    states = StateFilter(NAMES, ("left", "right"))
    names, still = ["left", "elbow", "shoulder", "right"], [0.0] * 4
    sample = states.take(1, names, [0.01, 2.0, 1.0, 0.03], still, 0.0)
    assert sample is not None and abs(sample.opening - 0.04) < 1e-12
    assert states.take(2, NAMES, [1.0, 2.0], still[:2], 0.0) is None
    assert states.take(3, names, [float("nan"), 2.0, 1.0, 0.03], still, 0.0) is None
    assert states.refusals == {
        Refusal.WRONG_JOINTS: 1,
        Refusal.NOT_FINITE: 1,
        Refusal.OLD_STAMP: 0,
    }
    blind = StateFilter(NAMES).take(1, names, [0.01, 2.0, 1.0, 0.03], still, 0.0)
    assert blind is not None and blind.opening == 0.0


def test_time_may_jump_back_only_where_allowed() -> None:
    """A robot that was started again begins its clock anew."""
    states = StateFilter(NAMES)
    zeros = [0.0, 0.0]
    assert states.take(10, NAMES, zeros, zeros, 0.0)
    assert states.take(5, NAMES, zeros, zeros, 0.0) is None
    assert states.refusals[Refusal.OLD_STAMP] == 1
    assert states.take(5, NAMES, zeros, zeros, 0.0, may_jump_back=True)
    assert states.take(6, NAMES, zeros, zeros, 0.0)
