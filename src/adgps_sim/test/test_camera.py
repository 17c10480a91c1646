"""The simulated camera: what it draws is where its own numbers say."""

import cv2
import numpy as np
import pybullet
import pytest

from adgps_core.tasks.door import Door
from adgps_core.tasks.doors import CENTRE, HELD_OUT_HANDLE
from adgps_sim.camera import HEIGHT, OVER_SHOULDER, WIDTH, Camera, CameraPose, View
from adgps_sim.door import DoorScene
from adgps_sim.door.handles import HANDLES
from adgps_sim.world import World

TASK = Door()
BACKWARD = CameraPose(eye=(1.2, -0.9, 0.8), target=(0.0, 0.0, 0.2))  # the whole arm, its base too


def test_the_door_is_drawn_where_it_is_and_as_far_as_it_is() -> None:
    """A corner of its panel: the frame's colour on one side, the door's on the other, its depth."""
    world = World(scene=DoorScene)
    world.reset(TASK.start_joint_angles, TASK.door(CENTRE, 0, "a"))
    camera = world.camera()
    view = camera.look()
    assert view.image.shape == (HEIGHT, WIDTH, 3) and view.image.dtype == np.uint8
    points = CENTRE[:3] + np.array([[0.0, -0.07, -0.28], [0.0, -0.07, 0.18], [0.0, 0.3, -0.2]])
    forward = np.subtract(OVER_SHOULDER.target, OVER_SHOULDER.eye)
    forward = forward / np.linalg.norm(forward)
    for point, (column, row) in zip(points, camera.project(points), strict=True):
        if not (0 <= column < WIDTH and 0 <= row < HEIGHT):
            continue
        depth = (point - OVER_SHOULDER.eye) @ forward
        assert view.depth[round(row), round(column)] == pytest.approx(depth, abs=0.01)
    inside, outside = camera.project(CENTRE[:3] + np.array([[0, -0.08, -0.1], [0, -0.12, -0.1]]))
    door, frame = (
        view.image[round(row), round(column)].mean() for column, row in (inside, outside)
    )
    assert door > frame + 40
    world.close()


def test_handles_can_be_told_apart_and_images_repeat() -> None:
    """The red lever is red where it is; equal states are equal images, whatever was before."""
    world = World(scene=DoorScene)
    camera = world.camera()
    images = []
    for handle in (HELD_OUT_HANDLE, 0, HELD_OUT_HANDLE):
        world.reset(TASK.start_joint_angles, TASK.door(CENTRE, handle, "a"))
        images.append(camera.look().image.astype(int))
    first, other, again = images
    np.testing.assert_array_equal(first, again)
    assert HANDLES[HELD_OUT_HANDLE].colour[0] > 0.6
    reddish = (first[..., 0] > first[..., 1:].max(axis=-1) + 60).sum()
    assert reddish > 50
    assert (other[..., 0] > other[..., 1:].max(axis=-1) + 60).sum() == 0
    world.close()


def tiny(camera: Camera, client: int, near: float = 0.05, far: float = 4.0) -> View:
    """Draw what PyBullet's own renderer draws, of its own meshes, in the same light."""
    _, _, colours, buffer, _ = pybullet.getCameraImage(
        WIDTH,
        HEIGHT,
        pybullet.computeViewMatrix(camera.pose.eye, camera.pose.target, (0.0, 0.0, 1.0)),
        pybullet.computeProjectionMatrixFOV(np.degrees(0.65), WIDTH / HEIGHT, near, far),
        shadow=False,
        lightDirection=(-1.0, -1.0, 2.0),
        flags=pybullet.ER_NO_SEGMENTATION_MASK,
        renderer=pybullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    image = np.reshape(np.asarray(colours, dtype=np.uint8), (HEIGHT, WIDTH, 4))[..., :3]
    depth = near * far / (far - (far - near) * np.reshape(buffer, (HEIGHT, WIDTH)))
    return View(image, depth)


@pytest.mark.parametrize("pose", [OVER_SHOULDER, BACKWARD])
def test_what_is_drawn_is_what_bullet_draws_of_the_full_meshes(pose: CameraPose) -> None:
    """But along edges, where its pixels are half of one further down."""
    world = World()
    world.reset(TASK.start_joint_angles)
    client = world._client
    DoorScene(client).reset(TASK.door(CENTRE, 1, "a"))
    camera = Camera(client, pose)
    drawn, known = camera.look(), tiny(camera, client)
    assert (np.abs(drawn.depth - known.depth) > 0.01).mean() < 0.025
    apart = np.abs(drawn.image.astype(float) - known.image).max(axis=-1)
    assert (apart > 40).mean() < 0.04
    assert np.median(apart[drawn.depth < 3.9]) < 12
    world.close()


def test_points_of_the_door_lie_in_its_plane() -> None:
    """Depth and intrinsics agree: a pixel beside would be millimetres, the door is seen aslant."""
    world = World(scene=DoorScene)
    world.reset(TASK.start_joint_angles, TASK.door(CENTRE, 0, "a"))
    camera = world.camera()
    depth = camera.look().depth
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    in_camera = pixels @ np.linalg.inv(camera.intrinsics).T * depth.reshape(-1, 1)
    points = in_camera @ camera.pose.rotation + camera.pose.eye - CENTRE[:3]
    panel = (np.abs(points[:, 0]) < 0.01) & (points[:, 1] > -0.07) & (np.abs(points[:, 2]) < 0.15)
    behind = points[panel, 0]  # the plate under the handle lies 8 mm before it
    assert panel.sum() > 5000
    assert np.abs(np.median(behind)) < 2e-4
    assert (np.abs(behind) < 5e-4).mean() > 0.8
    world.close()


def test_who_looks_changes_nothing() -> None:
    """Joints move bit for bit as they would unseen, with the hand at the door."""
    trajectories = []
    for looks in (False, True):
        world = World(scene=DoorScene)
        instance = TASK.door(CENTRE, 0, "a")
        world.reset(TASK.start_joint_angles, instance)
        world.lead(world.guide_path(instance))
        camera = world.camera()
        moved = []
        for _ in range(70):
            world.step(-world.state.velocities, TASK.control_period)
            moved.append([world.state.positions, world.state.velocities])
            if looks:
                camera.look()
        trajectories.append(np.array(moved))
        world.close()
    assert np.ptp(trajectories[0], axis=0).max() > 0.1
    np.testing.assert_array_equal(*trajectories)


def test_an_opencv_that_cannot_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    monkeypatch.delattr(cv2, "triangleRasterize")
    with pytest.raises(RuntimeError, match="opencv-contrib-python-headless"):
        Camera(0)


def test_a_camera_that_cannot_look_is_refused() -> None:
    """At itself, or along the vertical, where up is nowhere."""
    for target in ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)):
        with pytest.raises(ValueError, match="looks neither"):
            CameraPose(eye=(0.0, 0.0, 1.0), target=target)


def test_small_things_are_drawn_where_they_are_projected_to() -> None:
    """To a fraction of a pixel: half of one is 3 mm in a pose that is found from depth."""
    client = pybullet.connect(pybullet.DIRECT)
    camera = Camera(client)
    shape = pybullet.createVisualShape(pybullet.GEOM_SPHERE, radius=0.03, physicsClientId=client)
    sphere = pybullet.createMultiBody(0, -1, shape, physicsClientId=client)
    rng = np.random.default_rng(0)
    apart = []
    for place in np.array([0.6, 0.0, 0.5]) + rng.uniform(-0.12, 0.12, (20, 3)):
        pybullet.resetBasePositionAndOrientation(
            sphere, place.tolist(), (0.0, 0.0, 0.0, 1.0), physicsClientId=client
        )
        rows, columns = np.nonzero(camera.look().depth < 3.0)
        drawn = [(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2]
        apart.append(drawn - camera.project(place))
    pybullet.disconnect(physicsClientId=client)
    assert np.abs(np.mean(apart, axis=0)).max() < 0.2
