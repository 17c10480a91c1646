"""Filming over real DDS: one film of each kind, of the rollout alone."""

import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

rclpy = pytest.importorskip("rclpy")

from sensor_msgs.msg import Image  # noqa: E402

from adgps_bringup.domain import free_domain  # noqa: E402
from adgps_bringup.evaluation import InstanceResult  # noqa: E402
from adgps_bringup.rollouts import Tried  # noqa: E402
from adgps_bringup.ros_node import RosNode  # noqa: E402
from adgps_bringup.trials.filming import Filming  # noqa: E402
from adgps_core.conversions.messages import stamp_from_ns  # noqa: E402
from adgps_core.tasks import make_task  # noqa: E402

INSTANCE = make_task("door").trials().instance(0)
PERIOD_NS = 50_000_000
TICKS = 20


@pytest.fixture
def ros() -> Iterator[RosNode]:
    """A node of which somebody takes care, alone in its domain."""
    with free_domain() as domain_id, RosNode("film_test", domain_id) as node:
        yield node


class Robot:
    """Publishes images as a simulated robot does, whose brightness tells the rollout."""

    def __init__(self, ros: RosNode) -> None:
        from adgps_sim.nodes.publishing import LATCHED

        self._images = ros.node.create_publisher(Image, "/robot_1/image_raw", LATCHED)
        self._stamp_ns = PERIOD_NS

    def roll_out(self, brightness: int, succeeded: bool | None) -> Tried:
        """Publish the images of one rollout."""
        end = time.monotonic() + 10.0
        while self._images.get_subscription_count() == 0:
            assert time.monotonic() < end, "nobody films"
            time.sleep(0.01)
        begin = self._stamp_ns
        for _ in range(TICKS):
            message = Image(height=25, width=31, step=93, encoding="rgb8")
            message.header.stamp = stamp_from_ns(self._stamp_ns)
            data = np.full((25, 31, 3), brightness, dtype=np.uint8)
            message.data = array("B", data.tobytes())
            self._images.publish(message)
            self._stamp_ns += PERIOD_NS
            time.sleep(0.005)  # as drawing takes its time
        result = InstanceResult(INSTANCE, 1.0, 0.3, 0.1, True, succeeded, "hinge at 0.50 rad")
        return Tried(result, begin, self._stamp_ns - PERIOD_NS)


def brightness(path: Path) -> set[int]:
    """Of all images of a film."""
    found = set()
    with Picture.open(path) as film:
        for index in range(film.n_frames):
            film.seek(index)
            found.add(round(float(np.asarray(film.convert("L")).mean())))
    return found


def test_one_film_of_each_kind(ros: RosNode, tmp_path: Path) -> None:
    """The first that failed, the first that succeeded; other robots' are nobody's concern."""
    filming = Filming(ros.node, "/robot_1", tmp_path, "door", known=True)
    robot = Robot(ros)
    first = robot.roll_out(10, succeeded=False)
    filming.witness("/robot_2", first)
    assert not any(tmp_path.iterdir())
    filming.witness("/robot_1", first)
    filming.witness("/robot_1", robot.roll_out(60, succeeded=False))
    filming.witness("/robot_1", robot.roll_out(110, succeeded=True))
    filming.witness("/robot_1", robot.roll_out(160, succeeded=True))
    names = {path.name for path in tmp_path.iterdir()}
    kinds = ("film_failed", "film_succeeded")
    assert names == {f"{kind}.{form}" for kind in kinds for form in ("png", "gif")}
    assert [brightness(tmp_path / f"{kind}.gif") for kind in kinds] == [{10}, {110}]


def test_films_that_are_there_stay(ros: RosNode, tmp_path: Path) -> None:
    """An evaluation that goes on films what it has not filmed before."""
    (tmp_path / "film.png").write_bytes(b"mine")
    filming = Filming(ros.node, "/robot_1", tmp_path, "reach", known=False)
    filming.witness("/robot_1", Robot(ros).roll_out(10, succeeded=None))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
