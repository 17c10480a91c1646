"""Meshes of simple shapes, and of the arm's links."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adgps_core.typing import Array32

_FILE = Path(__file__).with_name("panda.npz")
_ROUND = 24  # sides of what is round


@dataclass(frozen=True)
class Mesh:
    """Triangles, seen from where their corners turn to the left.

    Parameters
    ----------
    vertices : (V, 3) [m].
    normals : (V, 3), of length 1.
    colours : (V, 3) red, green and blue, 0 to 1.
    faces : (F, 3) vertices of each triangle.
    """

    vertices: Array32
    normals: Array32
    colours: Array32
    faces: NDArray[np.int32]


def box(half_extents: tuple[float, float, float]) -> Mesh:
    """A white box around the origin."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=float)
    sides = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            side = np.insert(corners if sign > 0 else corners[::-1], 0, sign, axis=1)
            sides.append(np.roll(side, axis, axis=1))
    vertices = np.concatenate(sides)
    normals = np.repeat(np.stack([side.mean(axis=0) for side in sides]), 4, axis=0)
    quads = np.arange(24).reshape(6, 4)
    return _white(vertices * half_extents, normals, _triangles(quads))


def cylinder(radius: float, length: float) -> Mesh:
    """A white cylinder around the origin, along z."""
    angles = 2 * np.pi * np.arange(_ROUND) / _ROUND
    around = np.stack([np.cos(angles), np.sin(angles), np.zeros(_ROUND)], axis=1)
    up = np.array([0.0, 0.0, 1.0])
    bottom, top = radius * around - up * length / 2, radius * around + up * length / 2
    here = np.arange(_ROUND)
    next_ = np.roll(here, -1)
    side = _triangles(np.stack([here, next_, next_ + _ROUND, here + _ROUND], axis=1))
    fan = np.stack([np.zeros(_ROUND - 2, int), here[1:-1], here[2:]], axis=1)
    return _white(
        np.concatenate([bottom, top, bottom, top]),
        np.concatenate([around, around, *np.repeat([[-up], [up]], _ROUND, axis=1)]),
        np.concatenate([side, fan[:, ::-1] + 2 * _ROUND, fan + 3 * _ROUND]),
    )


def sphere(radius: float) -> Mesh:
    """A white ball around the origin."""
    rings = _ROUND // 2
    polar, angles = np.meshgrid(
        np.pi * np.arange(rings + 1) / rings, 2 * np.pi * np.arange(_ROUND) / _ROUND, indexing="ij"
    )
    normals = np.stack(
        [np.sin(polar) * np.cos(angles), np.sin(polar) * np.sin(angles), np.cos(polar)], axis=-1
    ).reshape(-1, 3)
    index = np.arange(len(normals)).reshape(rings + 1, _ROUND)
    next_ = np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], index[1:], next_[1:], next_[:-1]], axis=-1).reshape(-1, 4)
    return _white(radius * normals, normals, _triangles(quads))


@cache
def link(name: str) -> Mesh:
    """The light mesh in place of one of `pybullet_data`'s, such as visual/hand.

    Raises
    ------
    ValueError
        If there is none.
    """
    arrays = _arrays()
    if f"{name}/faces" not in arrays:
        raise ValueError(f"there is no light mesh of {name}: add it to tools/light_visuals.py")
    normals = arrays[f"{name}/normals"].astype(np.float32)
    return Mesh(
        arrays[f"{name}/vertices"].astype(np.float32) * np.float32(1e-4),
        normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1),
        arrays["palette"][arrays[f"{name}/colours"]].astype(np.float32),
        arrays[f"{name}/faces"].astype(np.int32),
    )


@lru_cache(maxsize=1)
def _arrays() -> dict[str, NDArray[np.generic]]:
    """All that the file holds."""
    with np.load(_FILE) as file:
        return dict(file)


def _triangles(quads: NDArray[np.int_]) -> NDArray[np.int_]:
    """Two triangles (2 Q, 3) for each quadrangle (Q, 4)."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _white(
    vertices: NDArray[np.floating], normals: NDArray[np.floating], faces: NDArray[np.int_]
) -> Mesh:
    """A white mesh."""
    return Mesh(
        vertices.astype(np.float32),
        normals.astype(np.float32),
        np.ones(vertices.shape, np.float32),
        faces.astype(np.int32),
    )
