"""The camera driver over real DDS, with video files that come and go in place of a camera."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from camera_samples import CALIBRATION, number_of, write_video  # noqa: E402
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from driver_stage import run_main, staged  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from adgps_core.conversions.messages import ns_from_stamp  # noqa: E402
from adgps_robot.nodes.camera_driver import CameraDriver, main  # noqa: E402

COUNT = itertools.count(1)


def pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def test_a_video_is_published_as_a_camera_s_images(tmp_path: Path) -> None:
    """In order, with stamps that rise at its rate, each with its camera info."""
    video, calibration = tmp_path / "video.avi", tmp_path / "camera.yaml"
    calibration.write_text(CALIBRATION)
    write_video(video, frames=10, rate=50.0)
    parameters = {"source": video, "loop": "true", "camera_info_url": f"file://{calibration}"}
    with staged(f"/camera_{next(COUNT)}", **parameters) as stage:
        images, infos = stage.listen(Image, "image_raw"), stage.listen(CameraInfo, "camera_info")
        before = time.time_ns()
        stage.add(CameraDriver())
        stage.until(lambda: len(images) >= 60 and len(infos) >= 60, "images")
        values = stage.state(DiagnosticStatus.OK)

        image = images[0]
        assert (image.width, image.height, image.step) == (64, 48, 3 * 64)
        assert (image.encoding, image.is_bigendian) == ("bgr8", 0)
        assert image.header.frame_id == "camera_optical_frame"
        numbers = np.array([number_of(pixels(one)) for one in images])
        steps = np.diff(numbers) % 10
        assert (steps == 1).mean() > 0.9  # best effort: some may be lost
        stamps = np.array([ns_from_stamp(one.header.stamp) for one in images])
        assert (np.diff(stamps) > 0).all()
        assert before < stamps[0] and stamps[-1] < time.time_ns()
        assert np.median(np.diff(stamps)) == pytest.approx(20e6, rel=0.3)

        by_stamp = {ns_from_stamp(one.header.stamp): one for one in infos}
        assert len(set(by_stamp) & set(stamps.tolist())) > 0.9 * len(stamps)
        info = infos[-1]
        assert (info.width, info.height, info.distortion_model) == (64, 48, "plumb_bob")
        assert info.header.frame_id == "camera_optical_frame"
        assert info.k.tolist() == [53.8, 0, 31.7, 0, 53.9, 24.7, 0, 0, 1]
        assert info.d.tolist() == [-0.30678, 0.0825, 0.00288, -0.00016, 0.0]
        assert info.r.tolist() == np.eye(3).ravel().tolist()
        assert info.p.tolist() == [52.1, 0, 31.2, 0, 0, 52.5, 24.1, 0, 0, 0, 1, 0]

        assert values["size"] == "64 x 48" and values["calibrated"] == "true"
        assert float(values["rate_hz"]) == pytest.approx(50.0, rel=0.5)
        assert float(values["age_s"]) < 1.0 and values["reconnects"] == "0"


def test_a_camera_that_goes_away_comes_back(tmp_path: Path) -> None:
    """Here a video that ends, and another size in its place, for which there is no calibration."""
    video, calibration = tmp_path / "video.avi", tmp_path / "camera.yaml"
    calibration.write_text(CALIBRATION)
    parameters = {"source": video, "camera_info_url": calibration, "retry_period": 0.1}
    with staged(f"/camera_{next(COUNT)}", **parameters) as stage:
        images, infos = stage.listen(Image, "image_raw"), stage.listen(CameraInfo, "camera_info")
        stage.add(CameraDriver())
        assert stage.state(DiagnosticStatus.ERROR)["message"] == "No such file or directory"
        write_video(video, frames=5)
        stage.until(lambda: len(images) >= 4 and len(infos) >= 4, "most of the first video")
        assert stage.state(DiagnosticStatus.ERROR, calibrated="true")["reconnects"] == "0"
        seen = len(images)
        write_video(video, frames=100, width=128)
        stage.until(lambda: len(images) >= seen + 5, "the second video")
        values = stage.state(DiagnosticStatus.WARN, reconnects="1", size="128 x 48")
        refusal = "refused the calibration: it is for 64 x 48, the images are 128 x 48"
        assert values["message"] == refusal and values["calibrated"] == "false"
        assert pixels(images[-1]).shape == (48, 128, 3)
        assert infos[-1].width == 128 and not infos[-1].k.any() and not infos[-1].d


def test_the_process_says_little_and_ends_when_told(tmp_path: Path) -> None:
    """One line for going, one for coming back, whatever OpenCV thinks; status 0 on SIGTERM."""
    video, log = tmp_path / "video.avi", tmp_path / "log"
    (tmp_path / "other.yaml").write_text(CALIBRATION.replace("64", "65"))
    write_video(video, frames=3)
    arguments = [
        *("-r", f"__ns:=/camera_{next(COUNT)}", "-p", f"source:={video}", "-p"),
        *("retry_period:=0.1", "-p", f"camera_info_url:={tmp_path / 'other.yaml'}"),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "adgps_robot.nodes.camera_driver", "--ros-args", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        wait_for(log, "the video has ended")
        video.write_bytes(b"this is no video")
        end = time.monotonic() + 1.0
        while time.monotonic() < end:  # time for attempts that fail without a word
            assert process.poll() is None
            time.sleep(0.1)
        write_video(video, frames=400)
        wait_for(log, "is back after")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    lines = log.read_text().splitlines()
    said = [line.partition("]: ")[2] for line in lines]
    assert said[0] == f"{video}: connected", lines
    assert said[1].startswith("refused the calibration: it is for 65 x 48"), lines
    assert said[2] == f"{video}: the video has ended; trying to open it until it is there", lines
    assert said[3].startswith(f"{video} is back after "), lines
    assert len(lines) == 4, lines


def wait_for(log: Path, text: str) -> None:
    end = time.monotonic() + 30.0
    while text not in log.read_text():
        assert time.monotonic() < end, f"waited in vain for {text!r}: {log.read_text()}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("width:=1", "source is empty"),
        ("width:=1.5", "width"),
        ("source:=a.avi camera_info_url:=/nowhere.yaml", "cannot read the calibration /nowhere"),
        ("source:=a.avi rate:=-1.0", "rate"),
    ],
)
def test_a_wrong_parameter_is_one_line(
    parameters: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """And an exit status."""
    assert run_main(main, parameters, monkeypatch) == 2
    said = capfd.readouterr()
    assert said.out == "" and reason in said.err
    assert said.err.startswith("camera_driver: ") and said.err.count("\n") == 1
