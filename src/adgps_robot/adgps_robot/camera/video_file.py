"""Video files in place of a camera, played at their own rate. No ROS."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2

from adgps_robot.camera.capture import Camera, Capture, Frame, OpenCapture, open_or_refuse
from adgps_robot.devices import Device, DeviceError

USUAL_RATE = 30.0
"""Of a video file that does not say its own [Hz]."""
_LONGEST_SLEEP = 0.1  # [s]; a reader wants to be asked often whether to stop


class VideoFile:
    """Opens a video file, which plays at its own rate.

    Parameters
    ----------
    path : of the file.
    loop : begin again at the end. Else the video is gone then, until another is in its place.
    clock_ns : clock of the stamps [ns].
    open_capture : opens it.
    """

    def __init__(
        self, path: Path, loop: bool, clock_ns: Callable[[], int], open_capture: OpenCapture
    ) -> None:
        self._path = path
        self._loop = loop
        self._clock_ns = clock_ns
        self._open_capture = open_capture
        self._played: tuple[int, ...] = ()

    def open(self) -> Device[Frame]:
        """Open the file at its start; DeviceError if that cannot be done, or it has been played."""
        version = self._version()
        if version == self._played:
            raise DeviceError("the video has ended")
        return _Playback(self, version)

    def capture(self) -> Capture:
        """Open the file; DeviceError if it holds no video."""
        return open_or_refuse(self._open_capture, str(self._path), cv2.CAP_ANY)

    def camera(self, capture: Capture) -> Camera:
        """Read from an open file."""
        return Camera(capture, self._clock_ns)

    def end(self, version: tuple[int, ...], frames: int) -> None:
        """Take note of the end of a version after so many frames; DeviceError unless it loops."""
        if not frames:
            raise DeviceError("the video has no frames")
        if not self._loop:
            self._played = version
            raise DeviceError("the video has ended")

    def _version(self) -> tuple[int, ...]:
        """What differs when there is another file in its place."""
        try:
            status = self._path.stat()
        except OSError as error:
            raise DeviceError(error.strerror or str(error)) from None
        return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class _Playback:
    """A video file that is being played; a `Device`."""

    def __init__(self, video: VideoFile, version: tuple[int, ...]) -> None:
        self._video = video
        self._version = version
        self._rewind()
        self._due = time.monotonic()

    def read(self) -> list[Frame]:
        """Next frame once it is due; none if that is not yet."""
        early = self._due - time.monotonic()
        if early > _LONGEST_SLEEP:
            time.sleep(_LONGEST_SLEEP)
            return []
        time.sleep(max(0.0, early))
        # What was missed by a little is made up for, a long pause is not.
        self._due = max(self._due, time.monotonic() - _LONGEST_SLEEP) + self._period
        try:
            frames = self._camera.read()
        except DeviceError:
            self._camera.close()
            self._video.end(self._version, self._frames)
            self._rewind()
            frames = self._camera.read()
        self._frames += len(frames)
        return frames

    def close(self) -> None:
        """Close the file."""
        self._camera.close()

    def _rewind(self) -> None:
        capture = self._video.capture()
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._period = 1.0 / (rate if 1e-3 <= rate <= 1e3 else USUAL_RATE)
        self._camera = self._video.camera(capture)
        self._frames = 0
