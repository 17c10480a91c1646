"""Goals spread over a box: training goals near its corners, the others inside their hull."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay

from adgps_core.tasks.task import Split
from adgps_core.typing import Array


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the arm's base frame [m]."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    def at(self, fractions: Array) -> Array:
        """Points (..., 3) at fractions (..., 3), 0 at low and 1 at high."""
        low, high = np.array(self.low), np.array(self.high)
        points: Array = low + fractions * (high - low)
        return points

    def draw_octant(self, point: Array, rng: np.random.Generator) -> Array:
        """Draw a point (3,) evenly from the octant of the box that a point (3,) lies in."""
        low, high = np.array(self.low), np.array(self.high)
        upper = point > (low + high) / 2
        return self.at((upper + rng.random(3)) / 2)


def split_goals(box: Box, rng: np.random.Generator) -> dict[Split, Array]:
    """Draw goals: (8, 3) for training, (4, 3) each for validation and test.

    Training goals are stratified, one an octant in its outer part, so that their convex hull
    covers most of the box. The others are stratified over the quadrants of the y-z plane and
    redrawn until they lie within that hull: they ask for interpolation, not extrapolation.
    """
    octants = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=np.float64)
    training = np.abs(octants - 0.25 * rng.random((8, 3)))
    hull = Delaunay(training)
    goals: dict[Split, Array] = {"training": box.at(training)}
    held_out: tuple[Split, ...] = ("validation", "test")
    for split in held_out:
        inside = []
        for y, z in ((0, 0), (0, 1), (1, 0), (1, 1)):
            while True:
                fraction = np.array([rng.random(), (y + rng.random()) / 2, (z + rng.random()) / 2])
                if hull.find_simplex(fraction) >= 0:
                    inside.append(fraction)
                    break
        goals[split] = box.at(np.array(inside))
    return goals
