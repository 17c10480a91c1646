"""Doors are found where they are, from what a simulated depth camera saw alone."""

from collections.abc import Iterator

import numpy as np
import pytest

from adgps_bringup.pretraining.labelling import (
    DoorFinder,
    door_in_camera,
    door_mesh,
    true_points,
)
from adgps_bringup.pretraining.studio import DEPTH_NOISE, Studio, shoot
from adgps_core.end_effector import POINTS
from adgps_core.tasks.door import START, Door
from adgps_core.tasks.doors import CENTRE, HELD_OUT_HANDLE, SPREAD, TRAINED_HANDLES
from adgps_core.typing import Array32
from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_sim.camera import HEIGHT, Camera

HANDLES = (*TRAINED_HANDLES, HELD_OUT_HANDLE)


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    studio = Studio("door", seed=1)
    yield studio
    studio.close()


@pytest.fixture(scope="module")
def finder() -> DoorFinder:
    return DoorFinder()


@pytest.mark.parametrize("handle", HANDLES)
def test_the_shape_is_that_of_the_simulated_door(studio: Studio, handle: int) -> None:
    """Where nothing hides it, the camera sees the mesh, to the noise of its depth."""
    instance = Door().door(CENTRE + 0.5 * SPREAD, handle, "a door")
    studio.arrange(START, instance)
    camera = studio.camera
    depth = shoot(studio.camera, np.random.default_rng(0)).depth
    mesh, T = door_mesh(handle), door_in_camera(camera.pose, instance.parameters[:4])
    expected = DepthCamera.from_matrix(*depth.shape[::-1], camera.intrinsics).render(mesh, T)
    open_view = (expected > 0) & (depth > expected - 0.01)  # not the arm
    off = (depth - expected)[open_view]
    assert open_view.sum() > 0.8 * np.count_nonzero(expected)
    assert np.median(np.abs(off)) < DEPTH_NOISE and np.mean(np.abs(off) < 4 * DEPTH_NOISE) > 0.97


def test_a_hand_counts_as_seen_within_the_edges(studio: Studio) -> None:
    """In the middle of the image; at its edge with no margin alone; behind the camera never."""
    typical = Camera(-1)
    ray = np.linalg.inv(typical.intrinsics) @ (5.0, HEIGHT / 2, 1.0) @ typical.pose.rotation
    near_edge = np.tile(typical.pose.eye + ray, 3)
    assert studio.in_view(np.tile(typical.pose.target, 3), 100)
    assert studio.in_view(near_edge, 0) and not studio.in_view(near_edge, 10)
    assert not studio.in_view(np.tile(typical.pose.eye - ray, 3), 0)


@pytest.mark.parametrize("handle", [0, HELD_OUT_HANDLE])
def test_a_door_is_found_to_millimetres(studio: Studio, finder: DoorFinder, handle: int) -> None:
    """At the border of what is practised, with a camera that nobody has measured."""
    instance = Door().door(CENTRE + SPREAD * (1, -1, 1, -1), handle, "a door")
    studio.arrange(START, instance)
    found = finder.find(shoot(studio.camera, np.random.default_rng(0)).depth, handle)
    assert found is not None
    true = true_points(studio.camera.pose, instance)
    assert np.linalg.norm((found - true).reshape(3, 3), axis=1).max() < 0.003


def test_what_is_no_door_is_refused(finder: DoorFinder) -> None:
    """A wall, and nothing at all."""
    noise = np.random.default_rng(0).normal(0, DEPTH_NOISE, (250, 314))
    wall: Array32 = (1.0 + noise).astype(np.float32)
    assert finder.find(wall, 0) is None
    assert finder.find(np.zeros_like(wall), 0) is None


def test_the_end_effector_is_where_the_camera_sees_it(studio: Studio) -> None:
    """Points by forward kinematics are three points of one body, 0.1 m apart, before the camera."""
    points = studio.arrange(START, Door().instances("training")[0]).reshape(3, 3)
    gaps = np.linalg.norm(points[1:] - points[0], axis=1)
    np.testing.assert_allclose(gaps, np.linalg.norm(POINTS[1:], axis=1), atol=1e-6)
    columns, rows = studio.camera.project(points.astype(float)).T
    assert (columns > 0).all() and (columns < 314).all() and (rows > 0).all() and (rows < 250).all()
