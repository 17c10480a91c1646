"""The action's server on a simulated clock that stands still between rollouts."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
events_executor = pytest.importorskip("rclpy.experimental.events_executor")

from rclpy.action import ActionClient  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.time import Time  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402

from adgps_msgs.action import ExecuteRollout  # noqa: E402
from adgps_robot.nodes.execute_rollout import RESULT_TIMEOUT, RolloutAction  # noqa: E402

SPACING = 5.0
"""Simulated time from one rollout to the next [s]; a result is a minute old after twelve."""


@pytest.fixture
def node() -> Iterator[Node]:
    """A node on the simulated clock."""
    context = rclpy.Context()
    rclpy.init(context=context)
    made = rclpy.create_node(
        "robot", context=context, parameter_overrides=[Parameter("use_sim_time", value=True)]
    )
    yield made
    made.destroy_node()
    rclpy.shutdown(context=context)


def test_results_grow_old_without_keeping_the_robot_busy(node: Node) -> None:
    """Whatever their age is, and in the end they are let go of."""
    executor = events_executor.EventsExecutor(context=node.context)
    executor.add_node(node)
    clock = node.create_publisher(Clock, "/clock", 1)
    no_one: Any = None  # no goal gets there
    action = RolloutAction(node, controller=no_one, hear_policies=no_one)
    client = ActionClient(node, ExecuteRollout, "execute_rollout")

    def await_done(future: Any) -> Any:
        end = time.monotonic() + 20.0
        while not future.done():
            assert time.monotonic() < end
            executor.spin_once(0.1)
        return future.result()

    def spins(seconds: float) -> int:
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            executor.spin_once(0.1)
            count += 1
        return count

    assert client.wait_for_server(10.0)
    rollouts = round(RESULT_TIMEOUT / SPACING) + 3
    for number in range(1, rollouts + 1):
        handle = await_done(client.send_goal_async(ExecuteRollout.Goal()))
        await_done(handle.get_result_async())
        now = Time(nanoseconds=round(number * SPACING * 1e9)).to_msg()
        clock.publish(Clock(clock=now))
        # 5 when nothing happens; thousands when busy, and for as long as the clock stands still.
        assert min(spins(0.1) for _ in range(3)) < 20
    assert len(action._server._goal_handles) < rollouts
    executor.shutdown()
    client.destroy()
    action.destroy()
