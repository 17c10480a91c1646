"""A door with a handle is found where it is, and not where it is not."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from door_scenes import CAMERA, HEIGHT, WIDTH, Scene, door, error, pose

from adgps_robot.pose_search.mesh import box
from adgps_robot.pose_search.search import PoseSearch, SearchSettings

TYPICAL = pose((0, 0, 0), (0, 0, 0.95))
SETTINGS = SearchSettings(candidates=60, proposals=6)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """PyBullet's world with the door in it."""
    world = Scene()
    yield world
    world.close()


@pytest.fixture(scope="module")
def search() -> PoseSearch:
    """Looks for the door."""
    return PoseSearch(door(), CAMERA, TYPICAL, SETTINGS)


def test_a_door_is_found_in_any_pose(scene: Scene, search: PoseSearch) -> None:
    """Within millimetres and half a degree, also behind an arm and before a wall."""
    rng = np.random.default_rng(0)
    errors = []
    for number in range(3):
        angles = rng.uniform([-30, -30, -25], [30, 30, 25])
        T = pose(tuple(angles), tuple(rng.uniform([-0.1, -0.1, 0.8], [0.1, 0.1, 1.1])))
        places = {scene.door: T}
        if number == 1:
            places[scene.wall] = T @ np.block([[np.eye(3), np.c_[[0, 0, -0.06]]], [0, 0, 0, 1]])
        if number == 2:
            places[scene.arm] = pose((20, 0, 30), (-0.1, 0.2, 0.6))
        found = search.find(scene.depth(places, rng))
        assert found is not None
        errors.append(error(found.T_CM, T))
        assert (0.75 if number == 2 else 0.97) < found.score <= 1.0
    distances, turns = np.array(errors).T
    print(f"median {np.median(distances):.1f} mm, {np.median(turns):.2f} deg")
    assert np.median(distances) < 3.0 and distances.max() < 8.0
    assert np.median(turns) < 0.4 and turns.max() < 1.0


def test_what_is_no_door_is_refused(scene: Scene, search: PoseSearch) -> None:
    """A bare wall, a board of nearly the door's size, nothing at all."""
    rng = np.random.default_rng(1)
    wall, board = pose((10, -15, 0), (0, 0, 1.0)), pose((5, 10, 20), (0, 0, 0.9))
    for places in ({scene.wall: wall}, {scene.board: board}, {}):
        assert search.find(scene.depth(places, rng)) is None


def test_a_board_without_a_handle_is_worse_than_a_door(scene: Scene, search: PoseSearch) -> None:
    """The score tells them apart, if the board is of the door's size: the handle's rims lack."""
    found = search.find(scene.depth({scene.blank: TYPICAL}, np.random.default_rng(2)))
    assert found is None or found.score < 0.92


def test_images_and_models_that_cannot_be_are_refused(
    scene: Scene, search: PoseSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another size, nothing but NaN, a model out of sight, an OpenCV without the extra modules."""
    with pytest.raises(ValueError, match="depth image is"):
        search.find(np.zeros((WIDTH, HEIGHT), np.float32))
    assert search.find(np.full((HEIGHT, WIDTH), np.nan, np.float32)) is None
    behind = pose((0, 0, 0), (0, 0, -1.0))
    with pytest.raises(ValueError, match="hardly a rim"):
        PoseSearch(box((0.1, 0.1, 0.1), (0, 0, 0)), CAMERA, behind)
    monkeypatch.delattr(cv2, "ppf_match_3d")
    with pytest.raises(RuntimeError, match="opencv-contrib-python-headless"):
        PoseSearch(door(), CAMERA, TYPICAL)


@pytest.mark.parametrize(
    "change",
    [
        {"sampling": 0.0},
        {"sampling": 0.6},
        {"least_score": 1.0},
        {"jump": 0.0},
        {"tolerance": -0.01},
        {"proposals": 0},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(change: dict[str, float]) -> None:
    """Each with a ValueError."""
    with pytest.raises(ValueError, match="must be"):
        replace(SETTINGS, **change)
