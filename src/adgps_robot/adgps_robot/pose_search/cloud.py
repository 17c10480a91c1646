"""From a depth image to points, normals and rims.

A rim is where a surface ends before something that is farther away: the edge of a door, the outline
of its handle. Where it ends because something nearer hides the rest, there is none.

Shapes: N points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adgps_core.typing import Array, Array32
from adgps_robot.pose_search.depth_camera import DepthCamera

REACH = 2
"""Neighbours that a normal is fitted to, in each direction [pixel]."""
RIM_REACH = 3
"""How far away the farther thing may begin [pixel]."""
DIRECTIONS = 16


@dataclass(frozen=True)
class Cloud:
    """Points of a surface as a camera sees them, in the camera's frame.

    Parameters
    ----------
    points : (N, 3) [m].
    normals : (N, 3) unit vectors, towards the camera.
    outward : (N, 3) at a rim, the unit vector along the surface that leads beyond it; else zeros.
    """

    points: Array32
    normals: Array32
    outward: Array32

    @property
    def rims(self) -> Cloud:
        """Only the points at rims."""
        at_rim = self.outward.any(axis=1)
        return Cloud(self.points[at_rim], self.normals[at_rim], self.outward[at_rim])

    @property
    def bevels(self) -> Array32:
        """Points with directions (N, 6): normals, at rims half-way between normal and outward."""
        directions = self.normals + self.outward
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        return np.hstack([self.points, directions])

    def moved(self, T: Array) -> Cloud:
        """Take the cloud to another frame by a pose (4, 4)."""
        R = T[:3, :3].T.astype(np.float32)
        points = self.points @ R + T[:3, 3].astype(np.float32)
        return Cloud(points, self.normals @ R, self.outward @ R)


def thinned(cloud: Cloud, count: int) -> Cloud:
    """Leave about `count` points, evenly chosen, and as many of those at rims."""
    at_rim = np.flatnonzero(cloud.outward.any(axis=1))
    every = np.arange(len(cloud.points))
    kept = [part[:: max(1, len(part) // count)] for part in (every, at_rim)]
    chosen = np.union1d(*kept)
    return Cloud(cloud.points[chosen], cloud.normals[chosen], cloud.outward[chosen])


def scan(depth: Array32, camera: DepthCamera, jump: float) -> Cloud:
    """Points, normals and rims of a depth image.

    Parameters
    ----------
    depth : (height, width) [m], 0 where nothing was seen.
    camera : its size and intrinsics.
    jump : surfaces whose depths differ by more are two [m].
    """
    normals = _normals(depth, camera, jump)
    outward = _outward(depth, normals, camera, jump)
    sound = normals.any(axis=-1)
    return Cloud(camera.points(depth)[sound], normals[sound], outward[sound])


def _shifted(image: Array32, down: int, right: int) -> Array32:
    """Neighbours of all pixels, so many rows and columns away; 0 beyond the image's edge."""
    rows, columns = image.shape
    result = np.zeros_like(image)
    into = slice(max(0, -down), rows - max(0, down)), slice(max(0, -right), columns - max(0, right))
    out = slice(max(0, down), rows - max(0, -down)), slice(max(0, right), columns - max(0, -right))
    result[into] = image[out]
    return result


def _normals(depth: Array32, camera: DepthCamera, jump: float) -> Array32:
    """Normals (height, width, 3) of planes fitted to each pixel's neighbours; zeros where none.

    On a plane q = 1 / z is linear in the image: q = q_0 + a c + b r at c columns and r rows from
    the pixel. Neighbours beyond a jump have no part in it.
    """
    with np.errstate(divide="ignore"):
        nearness = np.where(depth > 0, 1 / depth, 0).astype(np.float32)
    offsets = range(-REACH, REACH + 1)
    moments = np.zeros((9, *depth.shape), np.float32)
    for r in offsets:
        for c in offsets:
            beside = _shifted(depth, r, c)
            weight = ((beside > 0) & (np.abs(beside - depth) < jump)).astype(np.float32)
            q = weight * _shifted(nearness, r, c)
            terms = (weight, c * weight, r * weight, c * c * weight, c * r * weight, r * r * weight)
            for moment, term in zip(moments, (*terms, q, c * q, r * q), strict=True):
                moment += term
    n, sc, sr, scc, scr, srr, sq, scq, srq = moments
    n = np.maximum(n, 1)
    vcc, vcr, vrr = scc - sc * sc / n, scr - sc * sr / n, srr - sr * sr / n
    vcq, vrq = scq - sc * sq / n, srq - sr * sq / n
    determinant = vcc * vrr - vcr * vcr
    sound = (depth > 0) & (n >= 4) & (determinant > 1e-3 * np.square(vcc + vrr))
    determinant = np.where(sound, determinant, 1)
    a = (vrr * vcq - vcr * vrq) / determinant
    b = (vcc * vrq - vcr * vcq) / determinant
    middle = (sq - a * sc - b * sr) / n
    x, y = camera.rays
    fx, fy = np.float32(camera.fx), np.float32(camera.fy)
    normals = -np.stack([a * fx, b * fy, middle - a * fx * x - b * fy * y[:, None]], axis=-1)
    lengths = np.linalg.norm(normals, axis=-1, keepdims=True)
    result: Array32 = np.where(
        sound[..., None] & (lengths > 0), normals / np.maximum(lengths, 1e-9), 0
    )
    return result


def _outward(depth: Array32, normals: Array32, camera: DepthCamera, jump: float) -> Array32:
    """Directions (height, width, 3) that lead beyond a rim; zeros elsewhere."""
    across = np.zeros((2, *depth.shape), np.float32)
    hidden = np.zeros(depth.shape, bool)
    for angle in 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        direction = np.array([np.cos(angle), np.sin(angle)])
        right, down = np.rint(RIM_REACH * direction).astype(int)
        beside = _shifted(depth, down, right)
        farther = (beside == 0) | (beside > depth + jump)
        hidden |= (beside > 0) & (beside < depth - jump)
        across += direction[:, None, None].astype(np.float32) * farther
    # A pixel with as much beyond to its left as to its right has no direction outward.
    at_rim = (np.hypot(*across) > 1) & ~hidden & (depth > 0)
    edge = np.ones(depth.shape, bool)
    edge[RIM_REACH:-RIM_REACH, RIM_REACH:-RIM_REACH] = False
    at_rim &= ~edge  # where the image ends, no surface does
    along = np.stack([across[0] / camera.fx, across[1] / camera.fy, np.zeros_like(depth)], axis=-1)
    along -= normals * (normals * along).sum(axis=-1, keepdims=True)
    lengths = np.linalg.norm(along, axis=-1, keepdims=True)
    result: Array32 = np.where(at_rim[..., None], along / np.maximum(lengths, 1e-9), 0)
    return (result * normals.any(axis=-1, keepdims=True)).astype(np.float32)
