"""Cameras that are moved: how the image changes is what the camera's own numbers say."""

import numpy as np
import pytest

from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE
from adgps_sim.camera import OVER_SHOULDER
from adgps_sim.camera_shifts import SHIFTS, shifted
from adgps_sim.door import DoorScene
from adgps_sim.world import World


def test_the_paper_s_two() -> None:
    """5 cm down; 4 cm straight back from what is looked at."""
    np.testing.assert_allclose(SHIFTS["lowered"], [0.0, 0.0, -0.05])
    away = np.array(SHIFTS["away"])
    way = np.subtract(OVER_SHOULDER.target, OVER_SHOULDER.eye)
    np.testing.assert_allclose(away, -0.04 * way / np.linalg.norm(way), atol=1e-5)


def test_a_camera_that_is_moved_is_not_turned() -> None:
    moved = shifted(OVER_SHOULDER, (0.1, -0.2, 0.3))
    np.testing.assert_allclose(np.subtract(moved.eye, OVER_SHOULDER.eye), [0.1, -0.2, 0.3])
    np.testing.assert_allclose(np.subtract(moved.target, OVER_SHOULDER.target), [0.1, -0.2, 0.3])


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.0, 0.0, 1.1), (0.0, np.nan, 0.0), ()])
def test_impossible_shifts_are_refused(shift: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three numbers of at most 1 m"):
        shifted(OVER_SHOULDER, shift)


def test_what_a_lowered_camera_sees_moves_up_and_what_one_further_off_sees_shrinks() -> None:
    """The door, in the images themselves and by projection."""
    world = World(scene=DoorScene)
    task = Door()
    world.reset(task.start_joint_angles, task.door(CENTRE, 3, "a"))
    plain, lowered, away = (
        world.camera(shift) for shift in ((0.0, 0.0, 0.0), SHIFTS["lowered"], SHIFTS["away"])
    )
    assert lowered.project(CENTRE[:3])[1] < plain.project(CENTRE[:3])[1] - 10
    images = [camera.look().image.astype(int) for camera in (plain, lowered, away)]
    red = [(image[..., 0] > image[..., 1:].max(axis=-1) + 60) for image in images]
    rows = [np.nonzero(each)[0].mean() for each in red]
    assert rows[1] < rows[0] - 10
    depths = [camera.look().depth for camera in (plain, away)]
    middle = depths[0].shape[0] // 2, depths[0].shape[1] // 2
    assert depths[1][middle] == pytest.approx(depths[0][middle] + 0.04, abs=0.01)
    world.close()
