"""Meshes, what a depth camera sees of them, and normals and rims of that."""

from pathlib import Path

import numpy as np
import pytest
from door_scenes import CAMERA, Scene, door, error, pose
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from adgps_robot.pose_search.cloud import scan, thinned
from adgps_robot.pose_search.depth_camera import DepthCamera
from adgps_robot.pose_search.mesh import Mesh, box, cylinder, joined, read_mesh
from adgps_robot.pose_search.registration import Scene as Seen
from adgps_robot.pose_search.registration import refine

JUMP = 0.015


def test_a_door_looks_as_in_pybullet() -> None:
    """By two programs: the same pixels but for the outline, the same depths but for noise."""
    world = Scene()
    T = pose((20, -15, 10), (0.05, -0.1, 0.9))
    seen = world.depth({world.door: T}, np.random.default_rng(0))
    world.close()
    drawn = CAMERA.render(door(), T)
    both = (seen > 0) & (drawn > 0)
    assert both.sum() > 0.93 * (drawn > 0).sum()  # one in 20 is missing
    assert ((seen > 0) & (drawn == 0)).sum() < 0.02 * both.sum()
    assert abs(np.mean((seen - drawn)[both])) < 5e-4
    assert np.quantile(np.abs(seen - drawn)[both], 0.95) < 0.005


@settings(max_examples=20)
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.5, 2.0))
def test_normals_of_a_plane_are_its_normal(about_x: float, about_y: float, distance: float) -> None:
    """At any slant, in every point; away from its outline there is no rim."""
    T = pose((about_x, about_y, 0), (0, 0, distance))
    size = 0.8 * distance  # all of it is before the camera
    plate = box((size, size, 0.001), (0, 0, -0.001))
    cloud = scan(CAMERA.render(plate, T), CAMERA, 0.1).moved(np.linalg.inv(T))
    upright = cloud.normals @ [0, 0, 1] > 0.5  # some are of its side
    assert upright.sum() > 0.3 * CAMERA.width * CAMERA.height
    np.testing.assert_allclose(cloud.points[upright, 2], 0.0, atol=1e-3)
    inner = np.abs(cloud.points[:, :2]).max(axis=1) < 0.85 * size
    normals = np.tile([0, 0, 1], (inner.sum(), 1))
    np.testing.assert_allclose(cloud.normals[inner], normals, atol=2e-3)
    assert not cloud.outward[inner].any()


def test_rims_are_where_a_surface_ends_and_lead_beyond_it() -> None:
    """On the outline of a box, outward and along its face; none where something hides it."""
    half = 0.2
    front = box((half, half, 0.05), (0, 0, -0.05))
    T = pose((0, 0, 0), (0, 0, 1.0))
    rims = scan(CAMERA.render(front, T), CAMERA, JUMP).rims
    sizes = np.abs(rims.points[:, :2])
    pixel = 1.0 / CAMERA.fx
    assert len(rims.points) > 4 * 2 * half / pixel  # all around
    assert (sizes.max(axis=1) > half - 4 * pixel).all()
    sides = np.abs(np.abs(rims.points[:, :2]).min(axis=1)) < half - 6 * pixel  # not at corners
    axis = sizes.argmax(axis=1)
    rows = np.arange(len(axis))
    along = rims.outward[rows, axis] * np.sign(rims.points[rows, axis])
    assert (along[sides] > 0.95).all()
    np.testing.assert_allclose((rims.outward * rims.normals).sum(axis=1), 0.0, atol=1e-5)
    nearer = box((0.05, 0.5, 0.01), (0.15, 0, 0.3))
    hidden = scan(CAMERA.render(joined(front, nearer), T), CAMERA, JUMP)
    of_front = hidden.rims.points[hidden.rims.points[:, 2] > 0.9]
    assert of_front[:, 0].max() < half - 0.03 or of_front[:, 0].max() > half - 4 * pixel
    beside = np.abs(of_front[:, 0] - 0.1 / 0.7) < 0.01
    assert not (beside & (np.abs(of_front[:, 1]) < half - 0.05)).any()


def test_a_cloud_is_drawn_to_its_place() -> None:
    """From 2 cm and 3 degrees away to a millimetre, along the flat door as well."""
    true = pose((15, -10, 5), (0.05, 0.0, 0.95))
    depth = CAMERA.render(door(), true)
    seen = Seen(depth, scan(depth, CAMERA, JUMP))
    model = thinned(seen.cloud, 300).moved(np.linalg.inv(true))
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_rotvec([0.03, -0.02, 0.04]).as_matrix()
    moved[:3, 3] = [0.02, -0.015, 0.01]
    begin = true @ moved
    distance, turn = error(refine(model, seen, begin, np.geomspace(0.06, 0.01, 20)), true)
    assert error(begin, true)[0] > 20.0
    assert distance < 1.0 and turn < 0.1


def test_without_anything_near_a_pose_stays() -> None:
    """Nothing corresponds: nothing is solved for."""
    depth = CAMERA.render(door(), pose((0, 0, 0), (0, 0, 1.0)))
    seen = Seen(depth, scan(depth, CAMERA, JUMP))
    far = pose((0, 0, 0), (0, 0, 5.0))
    np.testing.assert_array_equal(refine(seen.cloud, seen, far, np.array([0.01])), far)


def test_thinning_keeps_rims() -> None:
    """About as many points as asked for, of the surface and of its rims."""
    cloud = scan(CAMERA.render(door(), pose((0, 0, 0), (0, 0, 1.0))), CAMERA, JUMP)
    few = thinned(cloud, 100)
    assert 100 <= len(few.points) <= 450
    assert len(few.rims.points) >= 100
    assert len(thinned(cloud, 10**6).points) == len(cloud.points)


def test_a_cylinder_is_round_and_closed() -> None:
    """Every vertex at its radius from the axis, every edge of two triangles."""
    mesh = cylinder(0.1, (0, 0, 0), (0.3, 0.3, 0))
    axis = np.array([1, 1, 0]) / np.sqrt(2)
    rings = mesh.vertices[:-2]
    distances = np.linalg.norm(rings - np.outer(rings @ axis, axis), axis=1)
    np.testing.assert_allclose(distances, 0.1)
    for closed in (mesh, box((1, 2, 3), (0, 0, 0)), door()):
        edges = np.sort(closed.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        _, counts = np.unique(edges, axis=0, return_counts=True)
        assert (counts == 2).all()
    assert box((1, 2, 2), (3, 0, 0)).diameter == pytest.approx(6.0)
    np.testing.assert_allclose(box((1, 2, 2), (3, 0, 1)).centre, [3, 0, 1])


def test_a_mesh_is_read_from_a_file(tmp_path: Path) -> None:
    """An OBJ of one triangle; what is none is refused, with its name."""
    path = tmp_path / "one.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    mesh = read_mesh(path)
    np.testing.assert_allclose(mesh.vertices, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2]])
    path.write_text("v 0 0 0\n")
    for wrong in (path, tmp_path / "none.obj"):
        with pytest.raises(ValueError, match=wrong.name):
            read_mesh(wrong)


def test_what_cannot_be_is_refused() -> None:
    """Cameras without size or focal length, meshes without triangles or with odd vertices."""
    K = np.array([[200.0, 0, 160], [0, 210.0, 120], [0, 0, 1]])
    assert DepthCamera.from_matrix(320, 240, K) == DepthCamera(320, 240, 200, 210, 160, 120)
    for size, focal in ((0, 200.0), (320, 0.0), (320, np.nan)):
        with pytest.raises(ValueError, match="no such camera"):
            DepthCamera(size, 240, focal, 200.0, 160, 120)
    vertices = np.eye(3)
    for faces in ([], [[0, 1]], [[0, 1, 3]], [[0, 1, -1]]):
        with pytest.raises(ValueError, match="face"):
            Mesh(vertices, np.array(faces))
    with pytest.raises(ValueError, match="vertices"):
        Mesh(vertices * np.nan, np.array([[0, 1, 2]]))
