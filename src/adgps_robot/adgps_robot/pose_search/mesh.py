"""Triangle meshes of what is to be found: from primitives, or from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from adgps_core.typing import Array, frozen

CYLINDER_SIDES = 24


@dataclass(frozen=True)
class Mesh:
    """A surface of triangles.

    Parameters
    ----------
    vertices : (V, 3) [m].
    faces : (F, 3) numbers of the vertices of each triangle, in any sense of rotation.

    Raises
    ------
    ValueError
        If there is no triangle, or a number cannot be.
    """

    vertices: Array
    faces: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Validate, and freeze copies."""
        object.__setattr__(
            self, "vertices", frozen(self.vertices, (len(self.vertices), 3), "vertices")
        )
        faces = np.array(self.faces, dtype=np.int64)
        if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
            raise ValueError(f"faces has shape {faces.shape}, expected (F, 3) with F > 0")
        if faces.min() < 0 or faces.max() >= len(self.vertices):
            raise ValueError("a face has a vertex that there is not")
        faces.flags.writeable = False
        object.__setattr__(self, "faces", faces)

    @property
    def centre(self) -> Array:
        """Middle (3,) of the bounding box [m]."""
        middle: Array = 0.5 * (self.vertices.min(axis=0) + self.vertices.max(axis=0))
        return middle

    @property
    def diameter(self) -> float:
        """Diagonal of the bounding box [m]."""
        return float(np.linalg.norm(np.ptp(self.vertices, axis=0)))


def box(half_extents: tuple[float, float, float], centre: tuple[float, float, float]) -> Mesh:
    """Box with edges along the axes; half extents and centre in metres."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    quads = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)]
    faces = [face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))]
    return Mesh(signs * np.array(half_extents) + np.array(centre), np.array(faces))


def cylinder(
    radius: float,
    begin: tuple[float, float, float],
    end: tuple[float, float, float],
    sides: int = CYLINDER_SIDES,
) -> Mesh:
    """Cylinder between the centres of its ends; radius, begin and end in metres."""
    axis = np.subtract(end, begin) / np.linalg.norm(np.subtract(end, begin))
    across = np.linalg.svd(axis[None])[2][1:]  # two directions across the axis
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = radius * (np.cos(angles)[:, None] * across[0] + np.sin(angles)[:, None] * across[1])
    vertices = np.vstack([ring + begin, ring + end, [begin, end]])
    faces = []
    for i in range(sides):
        j, n = (i + 1) % sides, sides
        faces += [(i, j, n + i), (j, n + j, n + i), (i, j, 2 * n), (n + i, n + j, 2 * n + 1)]
    return Mesh(vertices, np.array(faces))


def joined(*meshes: Mesh) -> Mesh:
    """All of them as one."""
    begins = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.vstack([mesh.vertices for mesh in meshes]),
        np.vstack([mesh.faces + begin for mesh, begin in zip(meshes, begins, strict=True)]),
    )


def read_mesh(path: Path) -> Mesh:
    """Read a mesh of triangles, in metres, from an OBJ or PLY file; ValueError if it is none."""
    if not path.is_file():
        raise ValueError(f"there is no mesh {path}")
    try:
        vertices, faces, *_ = cv2.loadMesh(str(path))
    except (cv2.error, AttributeError) as error:  # OpenCV 4 has no loadMesh
        raise ValueError(f"{path} cannot be read as a mesh: {error}") from None
    try:
        return Mesh(np.reshape(vertices, (-1, 3)), np.array([np.ravel(face) for face in faces]))
    except ValueError as error:
        raise ValueError(f"{path} holds no mesh of triangles: {error}") from None
