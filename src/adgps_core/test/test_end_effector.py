"""Three points tell where the end-effector is and how it is turned."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from adgps_core import end_effector as ee


@given(st.integers(0, 2**32 - 1))
def test_points_tell_the_pose(seed: int) -> None:
    """Position and rotation can be read off the points: nothing of the pose is lost."""
    rng = np.random.default_rng(seed)
    position, rotation = rng.standard_normal(3), Rotation.random(random_state=seed).as_matrix()
    points = ee.points_at(position, rotation).reshape(3, 3)
    np.testing.assert_allclose(points[0], position)
    np.testing.assert_allclose((points[1] - points[0]) / 0.1, rotation[:, 0], atol=1e-12)
    np.testing.assert_allclose((points[2] - points[0]) / 0.1, rotation[:, 1], atol=1e-12)


def test_the_state_is_joined_in_the_order_of_its_slices() -> None:
    """Each part is found again under its name, and together they are the whole state."""
    parts = {
        "JOINT_ANGLES": np.arange(7.0),
        "JOINT_VELOCITIES": 10 + np.arange(7.0),
        "POINT_POSITIONS": 20 + np.arange(9.0),
        "POINT_VELOCITIES": 30 + np.arange(9.0),
    }
    state = ee.state(*parts.values())
    assert state.shape == (ee.DIM_X,)
    for name, part in parts.items():
        np.testing.assert_array_equal(state[getattr(ee, name)], part)
    assert ee.DIM_X == sum(len(part) for part in parts.values())


def test_states_are_joined_over_leading_axes() -> None:
    """Whole trajectories at once."""
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((2, 5, size)) for size in (7, 7, 9, 9)]
    states = ee.state(*parts)
    assert states.shape == (2, 5, ee.DIM_X)
    alone = ee.state(*(part[1, 3] for part in parts))
    np.testing.assert_array_equal(states[1, 3], alone)


def test_the_points_are_nobodys_to_move() -> None:
    """A module's constant stays one."""
    assert not ee.POINTS.flags.writeable
