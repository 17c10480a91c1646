"""`robot ACTION NAMESPACE ...`: what people do to real robots: arm, trip, clear, confirm."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

NAME = "robot"
HELP = "arm, trip or clear real robots, or confirm their resets"

ACTIONS = {
    "arm": ("torque_gate", "torque_controller"),
    "trip": ("torque_gate", "torque_controller"),
    "clear": ("torque_gate", "torque_controller"),
    "confirm": ("reset_server",),
}
"""The nodes that each action asks, in this order."""

_APPEAR, _ANSWER = 30.0, 5.0
_ATTEMPTS = 3  # a first answer can get lost; asking again changes nothing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", help=", ".join(ACTIONS))
    parser.add_argument("robots", nargs="+", metavar="NAMESPACE", help="e.g. /robot_1")


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned asks all robots, and returns the exit status."""
    if arguments.action not in ACTIONS:
        raise ValueError(f"unknown action {arguments.action!r}, known: {', '.join(ACTIONS)}")
    robots = [f"/{robot.strip('/')}" for robot in arguments.robots]

    def run() -> int:
        from adgps_bringup.processes import environment
        from adgps_bringup.ros_node import RosNode

        os.environ.update(environment())
        refused = 0
        with RosNode(f"operator_{os.getpid()}", int(os.environ.get("ROS_DOMAIN_ID") or 0)) as ros:
            for robot in robots:
                for node in ACTIONS[arguments.action]:
                    problem = _ask(ros.node, f"{robot}/{node}/{arguments.action}")
                    print(f"{robot}/{node}: {problem or 'done'}", flush=True)
                    refused += bool(problem)
        return 1 if refused else 0

    return run


def _ask(node: Any, service: str) -> str:
    """Call a std_srvs/Trigger; why it failed, "" if it did not."""
    from std_srvs.srv import Trigger

    client = node.create_client(Trigger, service)
    if not client.wait_for_service(timeout_sec=_APPEAR):
        domain = os.environ.get("ROS_DOMAIN_ID") or 0
        return f"it is not there (ROS_DOMAIN_ID={domain})"
    for _ in range(_ATTEMPTS):
        future = client.call_async(Trigger.Request())
        end = time.monotonic() + _ANSWER
        while not future.done() and time.monotonic() < end:
            time.sleep(0.01)
        if future.done():
            answer = future.result()
            return "" if answer.success else str(answer.message) or "refused"
    return "no answer"
