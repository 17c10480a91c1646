"""What a camera driver may read from: a device, a stream, a video file. No ROS."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2

from adgps_robot.camera.capture import Camera, Frame, OpenCapture, open_or_refuse
from adgps_robot.camera.video_file import VideoFile
from adgps_robot.devices import Device, DeviceError


@dataclass(frozen=True)
class Request:
    """What a camera is asked for; it may give something else. Zero: what it does by itself.

    Parameters
    ----------
    width, height : [pixel].
    rate : frames a second [Hz].
    """

    width: int = 0
    height: int = 0
    rate: float = 0.0


def opener(
    source: str,
    request: Request,
    loop: bool,
    clock_ns: Callable[[], int],
    open_capture: OpenCapture = cv2.VideoCapture,
) -> Callable[[], Device[Frame]]:
    """Make the function that opens a source, each time that it is called.

    Parameters
    ----------
    source : a camera's index or path below /dev, the URL of a stream, a pipeline of GStreamer
        (what has a "!" in it), or else the path of a video file.
    request : what a camera or stream is asked for; a file is as it is.
    loop : play a file again and again.
    clock_ns : clock of the stamps [ns].
    open_capture : opens what OpenCV knows.

    Raises
    ------
    ValueError
        If the source is empty, or needs what this OpenCV was built without.
    """
    if not source:
        raise ValueError("source is empty: name a camera, a stream or a video file")
    if "!" in source:
        if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
            raise ValueError("source is a pipeline, and this OpenCV was built without GStreamer")
        return _live(source, cv2.CAP_GSTREAMER, request, clock_ns, open_capture)
    if "://" in source:
        return _live(source, cv2.CAP_ANY, request, clock_ns, open_capture)
    path = f"/dev/video{source}" if source.isdecimal() else source
    if path.startswith("/dev/"):
        return _live(path, cv2.CAP_V4L2, request, clock_ns, open_capture)
    return VideoFile(Path(path).expanduser(), loop, clock_ns, open_capture).open


def _live(
    source: str,
    api: int,
    request: Request,
    clock_ns: Callable[[], int],
    open_capture: OpenCapture,
) -> Callable[[], Device[Frame]]:
    """Make the function that opens a camera or stream and asks it for what is wanted."""
    wanted = (
        (cv2.CAP_PROP_FRAME_WIDTH, request.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, request.height),
        (cv2.CAP_PROP_FPS, request.rate),
    )

    def open_it() -> Device[Frame]:
        if api == cv2.CAP_V4L2:
            _check_device(source)
        capture = open_or_refuse(open_capture, source, api)
        for name, value in wanted:
            if value:
                capture.set(name, value)
        return Camera(capture, clock_ns)

    return open_it


def _check_device(path: str) -> None:
    """Say what OpenCV would not: why a device cannot be opened."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        raise DeviceError(error.strerror) from None
