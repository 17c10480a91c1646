"""The IMU driver over real DDS, with the other end of its serial line in the test's hands."""

import itertools
import math
import os
import time
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from driver_stage import Stage, run_main, staged  # noqa: E402
from imu_streams import line, packet  # noqa: E402
from sensor_msgs.msg import Imu  # noqa: E402

from adgps_core.conversions.messages import ns_from_stamp  # noqa: E402
from adgps_robot.nodes.imu_driver import ImuDriver, main  # noqa: E402

COUNT = itertools.count(1)
G = 9.80665


class Sensor:
    """The far end of a serial line, reached through a link that outlives each plugging in."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.plug()

    def plug(self) -> None:
        """Plug it in, most likely as another device."""
        self._far, near = os.openpty()
        self._near = near
        fresh = self.link.with_suffix(".new")
        fresh.symlink_to(os.ttyname(near))
        fresh.replace(self.link)

    def say(self, data: bytes) -> None:
        """Send bytes."""
        os.write(self._far, data)

    def unplug(self) -> None:
        """Pull it out; the link goes too, as udev's do."""
        self.link.unlink()
        os.close(self._far)
        os.close(self._near)


def measurement(number: int) -> bytes:
    """At rest, z up, turning about z, a quarter turn from x east."""
    return packet(0x51, 0, 0, 2048) + packet(0x52, 0, 0, number) + packet(0x53, 0, 0, 16384)


def talk(stage: Stage, sensor: Sensor, heard: list[Imu], count: int) -> None:
    """Send measurements until so many more are heard; the first ones may come too early."""
    goal = len(heard) + count
    numbers = itertools.count(1)

    def enough() -> bool:
        sensor.say(measurement(next(numbers)))
        return len(heard) >= goal

    stage.until(enough, f"{count} readings")


def test_readings_survive_damage_and_unplugging(tmp_path: Path) -> None:
    """Published as REP-145 says, stamped on arrival, each refusal counted."""
    sensor = Sensor(tmp_path / "imu")
    parameters = {"port": sensor.link, "frame_id": "wrist_imu", "retry_period": 0.1}
    with staged(f"/imu_{next(COUNT)}", **parameters) as stage:
        heard = stage.listen(Imu, "imu/data")
        before = time.time_ns()
        stage.add(ImuDriver())
        talk(stage, sensor, heard, 5)

        reading = heard[-1]
        assert reading.header.frame_id == "wrist_imu"
        acceleration, turn = reading.linear_acceleration, reading.orientation
        assert (acceleration.x, acceleration.y, acceleration.z) == pytest.approx((0.0, 0.0, G))
        half = math.sqrt(0.5)
        assert (turn.x, turn.y, turn.z, turn.w) == pytest.approx((0.0, 0.0, half, half))
        assert reading.angular_velocity.z > 0.0
        for of in ("orientation", "angular_velocity", "linear_acceleration"):
            assert getattr(reading, f"{of}_covariance").tolist() == [0.0] * 9
        stamps = [ns_from_stamp(one.header.stamp) for one in heard]
        assert stamps == sorted(set(stamps))
        assert before < stamps[0] and stamps[-1] < time.time_ns()

        sensor.say(measurement(1)[:-1] + b"\0")
        talk(stage, sensor, heard, 1)
        values = stage.state(DiagnosticStatus.OK, bad_checksums="1")
        assert values["message"] == "connected" and int(values["received"]) >= 6

        sensor.unplug()
        values = stage.state(DiagnosticStatus.ERROR)
        assert values["message"] in ("Input/output error", "No such file or directory")
        sensor.plug()
        talk(stage, sensor, heard, 3)
        stage.state(DiagnosticStatus.OK, reconnects="1")
        stamps = [ns_from_stamp(one.header.stamp) for one in heard]
        assert stamps == sorted(set(stamps))
        sensor.unplug()


def test_lines_without_an_orientation_say_that_it_is_missing(tmp_path: Path) -> None:
    """The covariance's first element is -1."""
    sensor = Sensor(tmp_path / "imu")
    parameters = {"port": sensor.link, "protocol": "csv"}
    with staged(f"/imu_{next(COUNT)}", **parameters) as stage:
        heard = stage.listen(Imu, "imu/data")
        stage.add(ImuDriver())

        def enough() -> bool:
            sensor.say(line(1.0, 2.0, G, 0.1, 0.2, 0.3))
            return len(heard) >= 2

        stage.until(enough, "two readings")
        reading = heard[-1]
        assert reading.orientation_covariance.tolist() == [-1.0] + [0.0] * 8
        assert reading.linear_acceleration.z == pytest.approx(G, abs=1e-4)
        assert reading.angular_velocity.z == 0.3
        sensor.unplug()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("protocol:=telepathy", "port is empty"),
        (
            "port:=/dev/null protocol:=telepathy",
            "protocol is 'telepathy', known: witmotion",
        ),
        ("baud_rate:=1", "baud_rate"),
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
    assert said.err.startswith("imu_driver: ") and said.err.count("\n") == 1
