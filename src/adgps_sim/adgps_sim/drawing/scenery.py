"""What there is to be drawn in a physics world, where it is now, and in what light.

Frames: W the world's, L a link's (that of its URDF), S a shape's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pybullet
from numpy.typing import NDArray

from adgps_core.typing import Array32
from adgps_sim.drawing.mesh import Mesh, box, cylinder, link, sphere

AMBIENT, DIFFUSE = 0.6, 0.4
TO_LIGHT = np.array([-1.0, -1.0, 2.0], dtype=np.float32) / np.float32(np.sqrt(6.0))


class Scenery:
    """The visual shapes of all bodies of a physics client.

    They are asked for at every look, and made into meshes only where they are not those of the
    look before: bodies may have been removed and others added meanwhile, under the same numbers.

    Parameters
    ----------
    client : number of the physics client.
    """

    def __init__(self, client: int) -> None:
        self._client = client
        self._known: tuple[Any, ...] | None = None
        self._meshes: list[Mesh] = []
        self._colours = np.zeros((0, 3), np.float32)
        self.faces: NDArray[np.int32] = np.zeros((0, 3), np.int32)

    def corners(self) -> tuple[Array32, Array32]:
        """Vertices (V, 3) in W [m] and their lit colours (V, 3) now, to which `faces` refers."""
        shapes = self._shapes()
        if shapes != self._known:
            self._take(shapes)
        if not self._meshes:
            return np.zeros((0, 3), np.float32), self._colours
        vertices, shades = [], []
        for shape, mesh in zip(shapes, self._meshes, strict=True):
            rotation, position = self._pose(shape[0], shape[1])
            vertices.append(mesh.vertices @ rotation.T + position)
            shades.append(mesh.normals @ (rotation.T @ TO_LIGHT))
        lit = self._colours * (AMBIENT + DIFFUSE * np.maximum(np.concatenate(shades), 0))[:, None]
        return np.concatenate(vertices), lit.astype(np.float32)

    def _shapes(self) -> tuple[Any, ...]:
        """All visual shapes, as PyBullet tells of them."""
        client = self._client
        bodies = (
            pybullet.getBodyUniqueId(index, physicsClientId=client)
            for index in range(pybullet.getNumBodies(physicsClientId=client))
        )
        return tuple(
            shape
            for body in bodies
            for shape in pybullet.getVisualShapeData(body, physicsClientId=client)
        )

    def _take(self, shapes: tuple[Any, ...]) -> None:
        """Make the meshes of shapes, in the frames of their links."""
        self._meshes = [_placed(shape) for shape in shapes]
        self._known = shapes
        sizes = [len(mesh.vertices) for mesh in self._meshes]
        if not sizes:
            self.faces, self._colours = np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32)
            return
        firsts = np.cumsum([0, *sizes[:-1]])
        self.faces = np.concatenate(
            [mesh.faces + np.int32(first) for mesh, first in zip(self._meshes, firsts, strict=True)]
        )
        self._colours = np.concatenate([mesh.colours for mesh in self._meshes])

    def _pose(self, body: int, link: int) -> tuple[Array32, Array32]:
        """R_WL (3, 3) and the origin of L in W (3,) [m]."""
        client = self._client
        if link < 0:
            position, turned = pybullet.getBasePositionAndOrientation(body, physicsClientId=client)
            dynamics = pybullet.getDynamicsInfo(body, link, physicsClientId=client)
            inertial = pybullet.invertTransform(dynamics[3], dynamics[4])
            position, turned = pybullet.multiplyTransforms(position, turned, *inertial)
        else:
            state = pybullet.getLinkState(
                body, link, computeForwardKinematics=True, physicsClientId=client
            )
            position, turned = state[4:6]
        return _rotation(turned), np.array(position, dtype=np.float32)


def _rotation(quaternion: tuple[float, ...]) -> Array32:
    """R (3, 3) of a quaternion, x, y, z and w."""
    matrix = pybullet.getMatrixFromQuaternion(quaternion)
    return np.array(matrix, dtype=np.float32).reshape(3, 3)


def _placed(shape: tuple[Any, ...]) -> Mesh:
    """The mesh of a visual shape in L, in its own colour."""
    kind, size, file, position, turned, colour = shape[2:8]
    if kind == pybullet.GEOM_BOX:
        mesh = box(tuple(np.array(size) / 2))
    elif kind == pybullet.GEOM_CYLINDER:
        mesh = cylinder(radius=size[1], length=size[0])
    elif kind == pybullet.GEOM_SPHERE:
        mesh = sphere(size[0])
    elif kind == pybullet.GEOM_MESH:
        path = Path(file.decode())
        mesh = link(f"{path.parent.name}/{path.stem}")
    else:
        raise ValueError(f"shapes of PyBullet's kind {kind} cannot be drawn")
    rotation = _rotation(turned)
    return Mesh(
        mesh.vertices @ rotation.T + np.array(position, dtype=np.float32),
        mesh.normals @ rotation.T,
        mesh.colours * np.array(colour[:3], dtype=np.float32),
        mesh.faces,
    )
