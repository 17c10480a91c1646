"""Cameras and video files give stamped frames, or say why not."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from camera_samples import FakeCapture, number_of, write_video

from adgps_robot.camera.capture import Camera, Frame, as_bgr
from adgps_robot.camera.source import Request, opener
from adgps_robot.devices import Backoff, Device, DeviceError, DeviceReader

NOW_NS = 10**18
COLOUR = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def camera(capture: FakeCapture) -> Camera:
    return Camera(capture, lambda: NOW_NS)


def files(path: Path, loop: bool = False, clock_ns: Callable[[], int] = time.time_ns) -> Any:
    return opener(str(path), Request(), loop, clock_ns)


def play(device: Device[Frame], frames: int | None = None) -> list[Frame]:
    """Frames until there are that many, or until the device is gone."""
    played: list[Frame] = []
    try:
        while frames is None or len(played) < frames:
            played += device.read()
    except DeviceError:
        assert frames is None
    device.close()
    return played


def test_a_frame_is_what_was_captured() -> None:
    (frame,) = camera(FakeCapture([COLOUR])).read()
    np.testing.assert_array_equal(frame.image, COLOUR)
    assert frame.stamp_ns == NOW_NS


def test_a_frame_that_waited_is_stamped_when_it_was_captured() -> None:
    """Where the driver tells on the steady clock, and only if that can be."""

    def age(milliseconds: float, backend: str = "V4L2") -> float:
        position = 1e3 * time.monotonic() - milliseconds
        fake = FakeCapture([COLOUR], True, backend, {cv2.CAP_PROP_POS_MSEC: position})
        return (NOW_NS - camera(fake).read()[0].stamp_ns) / 1e6

    assert age(40.0) == pytest.approx(40.0, abs=20.0)
    assert age(-1e6) == age(1e6) == 0.0
    assert age(40.0, "FFMPEG") == 0.0


def test_a_damaged_frame_is_left_out() -> None:
    one = camera(FakeCapture([None, COLOUR]))
    assert [len(one.read()), len(one.read())] == [0, 1]


def test_a_camera_that_gives_nothing_is_gone() -> None:
    with pytest.raises(DeviceError, match="no frame comes"):
        camera(FakeCapture([])).read()


def test_images_become_blue_green_red_of_eight_bits() -> None:
    """Or are refused; what is right already is not copied."""
    assert as_bgr(COLOUR) is COLOUR
    grey = COLOUR[..., 0]
    np.testing.assert_array_equal(as_bgr(grey), np.repeat(grey[..., None], 3, axis=2))
    np.testing.assert_array_equal(as_bgr(COLOUR[..., :1]), as_bgr(grey))
    np.testing.assert_array_equal(as_bgr(np.dstack([COLOUR, grey])), COLOUR)
    with pytest.raises(DeviceError, match="3 channels of uint16"):
        as_bgr(COLOUR.astype(np.uint16))  # type: ignore[arg-type]


def test_a_camera_is_asked_for_what_is_wanted(tmp_path: Path) -> None:
    """Under the path of its index; nothing is asked of it where nothing is wanted."""
    calls: list[tuple[str, int]] = []
    fake = FakeCapture([COLOUR])

    def open_capture(source: str, api: int) -> FakeCapture:
        calls.append((source, api))
        return fake

    def ask(request: Request) -> dict[int, float]:
        fake.asked.clear()
        opener("rtsp://host/1", request, False, time.time_ns, open_capture)().close()
        return dict(fake.asked)

    assert ask(Request(640, 480, 30.0)) == {
        cv2.CAP_PROP_FRAME_WIDTH: 640,
        cv2.CAP_PROP_FRAME_HEIGHT: 480,
        cv2.CAP_PROP_FPS: 30.0,
    }
    assert ask(Request()) == {}
    assert calls == [("rtsp://host/1", cv2.CAP_ANY)] * 2
    assert fake.released
    opener("/dev/null", Request(), False, time.time_ns, open_capture)().close()
    assert calls[-1] == ("/dev/null", cv2.CAP_V4L2)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("97", "No such file or directory"),
        ("/dev/video97", "No such file or directory"),
        ("/nowhere/video.avi", "No such file or directory"),
        (__file__, "OpenCV cannot open it"),
    ],
)
def test_why_a_source_cannot_be_opened(source: str, reason: str) -> None:
    with pytest.raises(DeviceError, match=reason):
        opener(source, Request(), False, time.time_ns)()


def test_attempts_to_open_are_quiet() -> None:
    """They may be many; why they failed is said elsewhere. In a process that opened nothing yet."""
    code = """
import contextlib, sys, time
from adgps_robot.camera.capture import quiet_opencv
from adgps_robot.camera.source import Request, opener
from adgps_robot.devices import DeviceError
quiet_opencv()
for source in sys.argv[1:]:
    with contextlib.suppress(DeviceError):
        opener(source, Request(), False, time.time_ns)()
        print("opened", source)
"""
    sources = ("/dev/null", __file__, "rtsp://127.0.0.1:9/nobody")
    done = subprocess.run(
        [sys.executable, "-c", code, *sources], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sources_that_can_never_be_opened_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="source is empty"):
        opener("", Request(), False, time.time_ns)
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        with pytest.raises(ValueError, match="built without GStreamer"):
            opener("v4l2src ! appsink", Request(), False, time.time_ns)


def test_a_file_plays_at_its_own_rate(tmp_path: Path) -> None:
    """Every frame once, in order, evenly."""
    path = tmp_path / "video.avi"
    write_video(path, frames=10, rate=50.0)
    start = time.monotonic()
    frames = play(files(path)())
    assert [number_of(frame.image) for frame in frames] == list(range(10))
    assert time.monotonic() - start > 0.17
    stamps = np.array([frame.stamp_ns for frame in frames])
    assert (np.diff(stamps) > 0).all()
    assert stamps[-1] - stamps[0] > 0.17e9
    assert 0.01e9 < np.median(np.diff(stamps)) < 0.05e9


def test_a_file_that_loops_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "video.avi"
    write_video(path, frames=3, rate=200.0)
    numbers = [number_of(frame.image) for frame in play(files(path, loop=True)(), 8)]
    assert numbers == [0, 1, 2, 0, 1, 2, 0, 1]


def test_a_file_plays_once_and_again_when_it_is_replaced(tmp_path: Path) -> None:
    """Not each time that it is opened."""
    path = tmp_path / "video.avi"
    write_video(path, frames=3, rate=200.0)
    open_it = files(path)
    assert len(play(open_it())) == 3
    for _ in range(2):
        with pytest.raises(DeviceError, match="the video has ended"):
            open_it()
    write_video(path, frames=2, rate=200.0, first=5)
    assert [number_of(frame.image) for frame in play(open_it())] == [5, 6]


def test_slow_files_do_not_hold_up_their_reader(tmp_path: Path) -> None:
    """A reader that is to stop is not kept waiting for a frame."""
    path = tmp_path / "video.avi"
    write_video(path, frames=3, rate=0.5)
    device = files(path)()
    assert len(device.read()) == 1
    start = time.monotonic()
    assert device.read() == []
    assert time.monotonic() - start < 1.0
    device.close()


@pytest.mark.parametrize("loop", [True, False])
def test_an_empty_video_is_no_video(tmp_path: Path, loop: bool) -> None:
    """And does not keep the processor busy."""
    (tmp_path / "video.avi").touch()
    empty = opener(
        str(tmp_path / "video.avi"),
        Request(),
        loop,
        time.time_ns,
        lambda source, api: FakeCapture([], backend="FFMPEG"),
    )
    with pytest.raises(DeviceError, match="no frames"):
        empty().read()


def test_a_camera_that_is_unplugged_comes_back() -> None:
    """Reader and camera together; each capture is released."""
    captures = [FakeCapture([COLOUR] * 3), FakeCapture([], opened=False), FakeCapture([COLOUR] * 2)]
    left = list(captures)
    frames: list[Frame] = []
    said: list[str] = []
    open_it = opener(
        "rtsp://host/1",
        Request(),
        False,
        time.time_ns,
        lambda source, api: left.pop(0) if left else FakeCapture([], opened=False),
    )
    reader = DeviceReader(
        "camera", open_it, frames.append, said.append, said.append, 1.0, Backoff(0.001, 0.001)
    )
    reader.start()
    end = time.monotonic() + 10.0
    while len(frames) < 5 or len(said) < 4:
        assert time.monotonic() < end
        time.sleep(0.001)
    reader.stop()
    assert [sentence.partition(" after")[0] for sentence in said] == [
        "camera: connected",
        "camera: no frame comes; trying to open it until it is there",
        "camera is back",
        "camera: no frame comes; trying to open it until it is there",
    ]
    assert all(capture.released for capture in captures)
    stamps = [frame.stamp_ns for frame in frames]
    assert stamps == sorted(stamps)
