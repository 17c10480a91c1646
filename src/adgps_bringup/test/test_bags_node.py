"""Recorder and players as processes: nothing is lost, nothing comes twice, nobody is moved."""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from bag_samples import STORAGES
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import SetBool

from adgps_bringup.bags.reader import Bag
from adgps_bringup.bags.storage import Message
from adgps_bringup.bags.topic import Topic
from adgps_bringup.bags.writer import BagWriter
from adgps_core.conversions.messages import optimized_trajectories_to_msg
from adgps_core.optimized import OptimizedTrajectories
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import make_task
from adgps_core.trajectory import Trajectory
from adgps_msgs.msg import OptimizedTrajectories as OptimizedTrajectoriesMsg
from adgps_msgs.msg import ReplayStatus

PATIENCE = 60.0
LATCHED = QoSProfile(
    depth=20, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
RELIABLE = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
_spaces = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _ros() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.shutdown()


class Peer:
    """A node of the test's own, and the processes that it talks to."""

    def __init__(self) -> None:
        self.space = f"/space_{next(_spaces)}"
        self.node = Node("peer", namespace=self.space)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, module: str, **parameters: Any) -> subprocess.Popen[str]:
        """Start one of the programs in this namespace."""
        pairs = [x for item in parameters.items() for x in ("-p", "{}:={}".format(*item))]
        arguments = ["--ros-args", "-r", f"__ns:={self.space}", *pairs]
        process = subprocess.Popen(
            [sys.executable, "-m", f"adgps_bringup.bags.{module}", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        return process

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Spin until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            for process in self._processes:
                if process.poll() not in (None, 0, -signal.SIGKILL):
                    raise AssertionError(f"it has ended: {process.communicate()[0]}")
            assert time.monotonic() < end, f"waited in vain for {what}"
            self._executor.spin_once(timeout_sec=0.02)

    def end(self, process: subprocess.Popen[str], number: int | None = None) -> str:
        """Stop a process, or await its end; its output."""
        if number is not None:
            process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)
        return output

    def close(self) -> None:
        """Take all of it down."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self._executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def texts(bag: Path, topic: str) -> list[String]:
    """Messages of a topic in a sound bag."""
    with Bag(bag, pytest.fail) as content:
        return [deserialize_message(each.data, String) for each in content.messages([topic])]


def text(number: int) -> String:
    return String(data=f"message {number}")


@pytest.mark.parametrize("storage", STORAGES)
def test_a_recorder_that_is_killed_and_started_again_has_everything_once(
    peer: Peer, tmp_path: Path, storage: str
) -> None:
    topic, bag = f"{peer.space}/optimized_trajectories", tmp_path / "bag"
    publisher = peer.node.create_publisher(String, "optimized_trajectories", LATCHED)
    heard: dict[str, str] = {}

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{peer.space}/recorder":
                heard.update({pair.key: pair.value for pair in status.values})

    peer.node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    publisher.publish(text(0))  # before anybody records
    parameters = {"bag": bag, "storage": storage, "topics": topic}
    first = peer.start("recorder", **parameters)
    peer.until(lambda: publisher.get_subscription_count() == 1, "the recorder")
    publisher.publish(text(1))
    peer.until(lambda: heard.get("messages") == "2", "two messages recorded")
    peer.end(first, signal.SIGKILL)
    publisher.publish(text(2))  # while nobody records
    heard.clear()
    second = peer.start("recorder", **parameters)
    peer.until(lambda: heard.get("messages") == "1", "the message in between")
    assert heard["repeated"] == "2"
    publisher.publish(text(3))
    peer.until(lambda: heard.get("messages") == "2", "another message")
    publisher.publish(text(3))  # a local worker that was started again does this
    peer.until(lambda: heard["repeated"] == "3", "its repetition")
    output = peer.end(second, signal.SIGINT)
    assert second.returncode == 0
    assert "had no end; saved 2 messages of 1 topics" in output
    assert texts(bag, topic) == [text(number) for number in range(4)]
    with Bag(bag, pytest.fail) as content:
        (offered,) = content.topics[topic].qos
        assert (offered.reliability.name, offered.durability.name) == (
            "RELIABLE",
            "TRANSIENT_LOCAL",
        )


def test_a_recorder_refuses_what_it_cannot_do_in_one_line(peer: Peer, tmp_path: Path) -> None:
    recorder = peer.start("recorder", bag=tmp_path / "a", storage="csv")
    output = peer.end(recorder)
    assert recorder.returncode == 2
    assert output == "recorder: unknown storage 'csv', known: mcap, sqlite3\n"


def bag_of(folder: Path, space: str) -> Path:
    """A bag with a latched text, two later ones, and three kinds of commands."""
    kinds: dict[str, tuple[str, Any]] = {
        f"{space}/text": ("std_msgs/msg/String", text(0)),
        f"{space}/arm/joint_effort_command": ("std_msgs/msg/String", text(0)),
        f"{space}/any": ("std_msgs/msg/Float64MultiArray", Float64MultiArray(data=[1.0])),
        "/e_stop": ("std_msgs/msg/Bool", Bool(data=True)),
    }
    with BagWriter(folder, "mcap") as writer:
        for name, (kind, content) in kinds.items():
            topic = Topic(name, kind)
            writer.write(Message(topic, 10**18, serialize_message(content)), flush=False)
        topic = Topic(f"{space}/text", "std_msgs/msg/String")
        for number in (1, 2):
            stamp_ns = 10**18 + number * 300_000_000
            writer.write(Message(topic, stamp_ns, serialize_message(text(number))), flush=False)
    return folder


def test_a_player_keeps_the_timing_and_never_moves_an_arm(peer: Peer, tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", peer.space)
    heard: list[tuple[str, float]] = []
    commands: list[object] = []

    def on_text(message: String) -> None:
        heard.append((message.data, time.monotonic()))

    peer.node.create_subscription(String, "text", on_text, RELIABLE)
    peer.node.create_subscription(String, "arm/joint_effort_command", commands.append, RELIABLE)
    peer.node.create_subscription(Float64MultiArray, "any", commands.append, RELIABLE)
    peer.node.create_subscription(Bool, "/e_stop", commands.append, RELIABLE)
    player = peer.start("bag_player", bag=bag, paused=True)
    pause = peer.node.create_client(SetBool, "bag_player/pause")
    peer.until(lambda: peer.node.count_publishers("text") == 1, "the player")
    peer.until(pause.service_is_ready, "its service")
    assert heard == []
    answer = pause.call_async(SetBool.Request(data=False))
    peer.until(lambda: len(heard) == 3, "all texts")
    assert answer.result().success and answer.result().message.startswith("playing from 0.000 s")
    assert [content for content, _ in heard] == [text(number).data for number in range(3)]
    assert heard[2][1] - heard[0][1] == pytest.approx(0.6, abs=0.4)
    output = peer.end(player)
    assert player.returncode == 0
    assert "played 3 messages" in output
    assert "not played, for they could move an arm" in output
    assert commands == []


def test_commands_are_played_where_they_are_asked_for(peer: Peer, tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", peer.space)
    commands: list[object] = []
    peer.node.create_subscription(Float64MultiArray, "any", commands.append, RELIABLE)
    topics = f"{peer.space}/.*"
    player = peer.start("bag_player", bag=bag, allow_commands=True, topics=topics, paused=True)
    pause = peer.node.create_client(SetBool, "bag_player/pause")
    peer.until(lambda: peer.node.count_publishers("any") == 1, "the player")
    peer.until(pause.service_is_ready, "its service")
    pause.call_async(SetBool.Request(data=False))
    peer.until(lambda: len(commands) == 1, "the command")
    assert "could move an arm" not in peer.end(player)


TASK = make_task("reach")


def optimized(robot: str, iteration: int) -> OptimizedTrajectories:
    """Trajectories of zeros: only whose they are matters."""
    instance = TASK.instances("training")[0]
    horizon, dim_x, dim_u, dim_o = TASK.horizon, TASK.dim_x, TASK.dim_u, TASK.dim_o
    policy = LinearGaussianPolicy(
        np.zeros((horizon, dim_u, dim_x)),
        np.zeros((horizon, dim_u)),
        np.tile(np.eye(dim_u), (horizon, 1, 1)),
    )
    samples = tuple(
        Trajectory(
            instance=instance,
            states=np.zeros((horizon + 1, dim_x)),
            observations=np.zeros((horizon, dim_o)),
            actions_sampled=np.zeros((horizon, dim_u)),
            actions_applied=np.zeros((horizon, dim_u)),
            log_probabilities=np.zeros(horizon),
            stamps=TASK.control_period * np.arange(horizon + 1),
            lateness=np.zeros(horizon),
            robot=robot,
            rollout_id=f"{robot}/{iteration}/{index}",
        )
        for index in range(2)
    )
    return OptimizedTrajectories(
        worker=f"{robot}/local_worker",
        iteration=iteration,
        method="badmm",
        instance=instance,
        samples=samples,
        policy=policy,
        sampling_policy=policy,
        multipliers=np.zeros((horizon, dim_u)),
        kl_weights=np.zeros(horizon),
    )


def test_trajectories_are_played_in_order_at_the_pace_of_their_worker(
    peer: Peer, tmp_path: Path
) -> None:
    topic, steps_per_rollout = f"{peer.space}/optimized_trajectories", 10
    with BagWriter(tmp_path / "bag", "mcap") as writer:
        for iteration in (1, 2, 3):
            content = optimized_trajectories_to_msg(
                optimized(peer.space, iteration), peer.node.get_clock().now().to_msg()
            )
            recorded = Topic(topic, "adgps_msgs/msg/OptimizedTrajectories")
            data = serialize_message(content)
            writer.write(Message(recorded, time.time_ns(), data), flush=False)
        writer.write(Message(recorded, time.time_ns(), b"no message at all"), flush=False)
    heard: list[int] = []
    reports: dict[str, str] = {}
    worker = peer.node.create_publisher(ReplayStatus, "replay_status", LATCHED)

    def tell(steps: int) -> None:
        worker.publish(ReplayStatus(rollouts=2 * len(heard), steps=steps))

    def on_trajectories(message: OptimizedTrajectoriesMsg) -> None:
        assert pace == [steps_per_rollout * 2 * len(heard)]
        heard.append(message.iteration)
        tell(pace[0])

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{peer.space}/trajectory_player":
                reports.update({pair.key: pair.value for pair in status.values})

    pace = [0]
    peer.node.create_subscription(
        OptimizedTrajectoriesMsg, "optimized_trajectories", on_trajectories, LATCHED
    )
    peer.node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    listeners = f"['{topic} {peer.space}/replay_status']"
    peer.start(
        "trajectory_player",
        bag=tmp_path / "bag",
        listeners=listeners,
        steps_per_rollout=float(steps_per_rollout),
    )
    peer.until(lambda: reports, "its diagnostics")
    assert heard == [], "nothing is played to a worker that has not said a word"
    tell(0)
    for count in (1, 2, 3):
        peer.until(lambda count=count: len(heard) == count, f"iteration {count}")
        assert reports["finished"] == "false"
        pace[0] = steps_per_rollout * 2 * count
        tell(pace[0])
    peer.until(lambda: reports["finished"] == "true", "the end")
    assert heard == [1, 2, 3]
    assert (reports["iteration"], reports["iterations"], reports["rollouts"]) == ("3", "3", "6")
