"""Films rollouts of one robot during an evaluation: one that succeeded, and one that did not."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from adgps_bringup.evaluation import InstanceResult
from adgps_bringup.rollouts import Tried
from adgps_bringup.trials.film import Frame, save_animation, save_strip
from adgps_core.conversions.messages import ns_from_stamp
from adgps_core.conversions.sensors import rgb_from_msg

_QUEUE = QoSProfile(
    depth=20, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
_PATIENCE = 0.5
"""Longest wait for the last image of a rollout [s]."""

_NAMES = {True: "film_succeeded", False: "film_failed", None: "film"}


class Filming:
    """Keeps the images of a rollout until it is known what came of it.

    Parameters
    ----------
    node : that listens; spun by somebody else.
    robot : namespace of the robot that is filmed.
    folder : gets the films; those that are there stay.
    title : what all of them show.
    known : whether it is known what has succeeded.
    """

    def __init__(self, node: Node, robot: str, folder: Path, title: str, known: bool) -> None:
        self._robot, self._folder, self._title = robot, folder, title
        self._lock = threading.Lock()
        self._frames: list[Frame] = []
        kinds = (True, False) if known else (None,)
        names = {_NAMES[kind] for kind in kinds}
        self._wanted = {name for name in names if not self._strip(name).exists()}
        self._subscription = node.create_subscription(
            Image, f"{robot}/image_raw", self._on_image, _QUEUE
        )

    def witness(self, robot: str, tried: Tried) -> None:
        """Save a film of a rollout, if there is none of its kind yet."""
        if robot != self._robot or not self._wanted:
            return
        frames = self._take(tried)
        name = _NAMES[tried.result.succeeded]
        if not frames or name not in self._wanted:
            return
        self._wanted.remove(name)
        save_strip(self._strip(name), frames, f"{self._title}: {_outcome(tried.result)}")
        save_animation(self._folder / f"{name}.gif", frames)

    def _strip(self, name: str) -> Path:
        return self._folder / f"{name}.png"

    def _on_image(self, message: Image) -> None:
        if not self._wanted:
            return
        frame = Frame(ns_from_stamp(message.header.stamp), rgb_from_msg(message))
        with self._lock:
            self._frames.append(frame)

    def _take(self, tried: Tried) -> list[Frame]:
        """Frames of a rollout; those before its end are forgotten."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            with self._lock:
                if self._frames and self._frames[-1].stamp_ns >= tried.end_ns:
                    break
            time.sleep(0.02)
        with self._lock:
            frames = [
                frame for frame in self._frames if tried.begin_ns <= frame.stamp_ns <= tried.end_ns
            ]
            self._frames = [frame for frame in self._frames if frame.stamp_ns > tried.end_ns]
        return frames


def _outcome(result: InstanceResult) -> str:
    """What a film ends with."""
    known = {True: "succeeded", False: "failed", None: result.instance.id}[result.succeeded]
    return f"{known}, {result.truth}" if result.truth else known
