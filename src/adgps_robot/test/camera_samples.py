"""A calibration, videos whose frames tell their number, and a capture of numbers."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

CALIBRATION = """\
image_width: 64
image_height: 48
camera_name: narrow
camera_matrix:
  rows: 3
  cols: 3
  data: [53.8, 0., 31.7,
         0., 53.9, 24.7,
         0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.30678, 0.0825, 0.00288, -0.00016, 0.]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 1., 0., 0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [52.1, 0., 31.2, 0., 0., 52.5, 24.1, 0., 0., 0., 1., 0.]
"""
STEP = 20
"""Levels between the frames of a video, far more than its compression changes."""


def write_video(
    path: Path, frames: int, rate: float = 50.0, width: int = 64, first: int = 0
) -> None:
    """Write a video, 48 lines: its left half blue, its right half red, brighter each frame."""
    scratch = path.with_suffix(".part.avi")
    writer = cv2.VideoWriter(str(scratch), cv2.VideoWriter.fourcc(*"MJPG"), rate, (width, 48))
    assert writer.isOpened()
    for number in range(first, first + frames):
        image = np.zeros((48, width, 3), np.uint8)
        image[:, : width // 2, 0] = image[:, width // 2 :, 2] = STEP * (number % 10 + 1)
        writer.write(image)
    writer.release()
    scratch.replace(path)


def number_of(image: Any) -> int:
    """Number of a frame of such a video; AssertionError if its colours are not where they were."""
    height, width, _ = image.shape
    left, right = image[height // 2, width // 4], image[height // 2, 3 * width // 4]
    assert left[2] < STEP // 2 and right[0] < STEP // 2, (left, right)
    assert abs(int(left[0]) - int(right[2])) < STEP // 2, (left, right)
    return round(int(left[0]) / STEP) - 1


class FakeCapture:
    """Stands in for cv2.VideoCapture: gives images, then fails.

    Parameters
    ----------
    images : what it gives; None is a damaged one.
    opened : whether it could be opened.
    backend : what it says it is.
    properties : what it says of itself; what it is asked for is noted in `asked`.
    """

    def __init__(
        self,
        images: list[Any],
        opened: bool = True,
        backend: str = "V4L2",
        properties: dict[int, float] | None = None,
    ) -> None:
        self._images = list(images)
        self._opened = opened
        self._backend = backend
        self.properties = properties or {}
        self.asked: dict[int, float] = {}
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self._opened

    def grab(self) -> bool:
        return bool(self._images)

    def retrieve(self) -> tuple[bool, Any]:
        image = self._images.pop(0)
        return image is not None, image

    def get(self, property_id: int, /) -> float:
        return self.properties.get(property_id, 0.0)

    def set(self, property_id: int, value: float, /) -> bool:
        self.asked[property_id] = value
        return True

    def getBackendName(self) -> str:  # noqa: N802
        return self._backend

    def release(self) -> None:
        self.released = True
