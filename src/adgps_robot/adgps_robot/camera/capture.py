"""Stamped frames from anything that OpenCV has open. No ROS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from adgps_robot.devices import DeviceError

Image = NDArray[np.uint8]

_SILENT = 0  # level of OpenCV's logging
_MOST_LATE = 0.5  # [s]; a frame that is said to be older was stamped by another clock


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...  # noqa: D102, N802
    def grab(self) -> bool: ...  # noqa: D102
    def retrieve(self) -> tuple[bool, Any]: ...  # noqa: D102
    def get(self, property_id: int, /) -> float: ...  # noqa: D102
    def set(self, property_id: int, value: float, /) -> bool: ...  # noqa: D102
    def getBackendName(self) -> str: ...  # noqa: D102, N802
    def release(self) -> None: ...  # noqa: D102


OpenCapture = Callable[[str, int], Capture]


@dataclass(frozen=True)
class Frame:
    """One image.

    Parameters
    ----------
    stamp_ns : when it was captured [ns].
    image : (height, width, 3) blue, green, red.
    """

    stamp_ns: int
    image: Image


class Camera:
    """An open camera or stream; a `Device`.

    Parameters
    ----------
    capture : of OpenCV.
    clock_ns : clock of the stamps [ns].
    """

    def __init__(self, capture: Capture, clock_ns: Callable[[], int]) -> None:
        self._capture = capture
        self._clock_ns = clock_ns
        self._tells_time = capture.getBackendName() == "V4L2"

    def read(self) -> list[Frame]:
        """Wait for the next frame; none if it was damaged on its way."""
        try:
            if not self._capture.grab():
                raise DeviceError("no frame comes")
            stamp_ns = self._clock_ns() - self._age_ns()
            sound, image = self._capture.retrieve()
            return [Frame(stamp_ns, as_bgr(image))] if sound else []
        except cv2.error as error:
            raise DeviceError(" ".join(str(error).split())) from None

    def close(self) -> None:
        """Release it."""
        self._capture.release()

    def _age_ns(self) -> int:
        """How long ago the frame just grabbed was captured, where the driver of the camera tells.

        OpenCV's V4L2 keeps up to four frames ready, and gives the kernel's stamp of each, on the
        steady clock.
        """
        if not self._tells_time:
            return 0
        age = time.monotonic() - self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        return int(1e9 * age) if 0.0 <= age <= _MOST_LATE else 0


def quiet_opencv() -> None:
    """Keep OpenCV and FFmpeg from writing to stderr at each attempt to open what is not there.

    To be called before anything is opened: FFmpeg is told only once.
    """
    # Ubuntu 24.04 has OpenCV 4.6, where the function was elsewhere.
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    set_level(_SILENT)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def open_or_refuse(open_capture: OpenCapture, source: str, api: int) -> Capture:
    """Open a capture; DeviceError if it is not open then."""
    try:
        capture = open_capture(source, api)
    except cv2.error as error:
        raise DeviceError(" ".join(str(error).split())) from None
    if not capture.isOpened():
        capture.release()
        raise DeviceError("OpenCV cannot open it")
    return capture


def as_bgr(image: Image) -> Image:
    """Image (height, width, 3) of what OpenCV retrieved; DeviceError for what is not 8 bit."""
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype != np.uint8 or channels not in (1, 3, 4):
        raise DeviceError(f"frames of {channels} channels of {image.dtype} cannot be used")
    if channels == 3:
        return image
    code = cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)
