"""Meshes that are drawn: closed where they should be, turned outward, and light."""

import numpy as np
import pybullet
import pybullet_data
import pytest
from scipy.spatial import cKDTree

from adgps_sim.drawing.mesh import Mesh, box, cylinder, link, sphere
from adgps_sim.drawing.scenery import Scenery

SHAPES = [
    (box((0.1, 0.2, 0.3)), 8 * 0.1 * 0.2 * 0.3, 1e-6),
    (cylinder(0.1, 0.4), np.pi * 0.1**2 * 0.4, 0.02),
    (sphere(0.2), 4 / 3 * np.pi * 0.2**3, 0.04),
]


@pytest.mark.parametrize(("mesh", "volume", "tolerance"), SHAPES)
def test_shapes_enclose_their_volume(mesh: Mesh, volume: float, tolerance: float) -> None:
    """By Gauss' theorem: a hole, or a triangle that is turned inward, would be missed."""
    a, b, c = np.moveaxis(mesh.vertices.astype(float)[mesh.faces], 1, 0)
    enclosed = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert enclosed == pytest.approx(volume, rel=tolerance)
    outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), mesh.normals[mesh.faces].sum(axis=1))
    assert (outward > -1e-9).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)


def surface(file: str) -> np.ndarray:
    """Vertices, middles of edges and of faces (P, 3) of an OBJ file."""
    with open(file) as text:
        lines = [line.split() for line in text]
    vertices = np.array([words[1:4] for words in lines if words[:1] == ["v"]], dtype=float)
    faces = [
        [corner.split("/")[0] for corner in words[1:]] for words in lines if words[:1] == ["f"]
    ]
    corners = vertices[np.array(faces, dtype=int) - 1]
    middles = (corners + np.roll(corners, 1, axis=1)) / 2
    return np.concatenate([vertices, middles.reshape(-1, 3), corners.mean(axis=1)])


@pytest.mark.parametrize("name", ["link1", "link3", "link4", "link5", "link6", "hand", "finger"])
def test_light_meshes_lie_on_the_originals(name: str) -> None:
    """Within 3 mm, a pixel or so; and they reach as far."""
    points = surface(f"{pybullet_data.getDataPath()}/franka_panda/meshes/visual/{name}.obj")
    mesh = link(f"visual/{name}")
    assert len(mesh.faces) <= 1500
    distances, _ = cKDTree(points).query(mesh.vertices)
    assert np.quantile(distances, 0.99) < 0.003
    for bound in (np.min, np.max):
        np.testing.assert_allclose(bound(mesh.vertices, 0), bound(points, 0), atol=0.004)


def test_what_cannot_be_drawn_is_named() -> None:
    """A mesh that nobody made light, and a kind of shape that is not known."""
    with pytest.raises(ValueError, match="no light mesh of visual/wheel"):
        link("visual/wheel")
    client = pybullet.connect(pybullet.DIRECT)
    capsule = pybullet.createVisualShape(
        pybullet.GEOM_CAPSULE, radius=0.1, length=0.2, physicsClientId=client
    )
    pybullet.createMultiBody(0, -1, capsule, physicsClientId=client)
    with pytest.raises(ValueError, match="cannot be drawn"):
        Scenery(client).corners()
    pybullet.disconnect(physicsClientId=client)


def test_bodies_may_go_and_others_come() -> None:
    """Also where the new one has the old one's number, and where nothing is left."""
    client = pybullet.connect(pybullet.DIRECT)
    scenery = Scenery(client)
    assert len(scenery.corners()[0]) == 0 and len(scenery.faces) == 0
    seen = []
    for radius in (0.1, 0.3):
        shape = pybullet.createVisualShape(
            pybullet.GEOM_SPHERE, radius=radius, physicsClientId=client
        )
        body = pybullet.createMultiBody(0, -1, shape, [1.0, 2.0, 3.0], physicsClientId=client)
        vertices, colours = scenery.corners()
        assert len(colours) == len(vertices) == scenery.faces.max() + 1
        seen.append(np.ptp(vertices, axis=0).max() / 2)
        np.testing.assert_allclose(vertices.mean(axis=0), [1.0, 2.0, 3.0], atol=0.02)
        pybullet.removeBody(body, physicsClientId=client)
    assert len(scenery.corners()[0]) == 0 and len(scenery.faces) == 0
    np.testing.assert_allclose(seen, [0.1, 0.3], rtol=1e-3)
    pybullet.disconnect(physicsClientId=client)
