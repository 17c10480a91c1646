"""The cells of the finest level, and which pixels of the last maps each of them stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adgps_core.typing import Array
from adgps_core.vision.architecture import VisionArchitecture, pixel_coordinates


class Cells(NamedTuple):
    """Cells along one side of the finest level's maps.

    Parameters
    ----------
    pixels : (n,) how many rows, or columns, of the last maps each stands for: 2, the last maybe 1.
    coordinates : (n,) mean image coordinate of these.
    """

    pixels: Array
    coordinates: Array


def finest_cells(architecture: VisionArchitecture) -> tuple[Cells, Cells]:
    """Cells along the rows, and along the columns."""
    rows, columns = (_cells(count) for count in architecture.map_size)
    return rows, columns


def _cells(count: int) -> Cells:
    begins = np.arange(0, count, 2)
    pixels = np.minimum(2, count - begins)
    sums = np.add.reduceat(pixel_coordinates(count), begins)
    return Cells(pixels.astype(np.float64), sums / pixels)
