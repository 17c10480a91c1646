"""ADGPS itself: the executable `param_server`, and the client of the global worker."""

from __future__ import annotations

import runpy
import sys
import time

import rclpy

from adgps_core import shared_block
from adgps_core.global_policy import Architecture, PolicyVersion
from adgps_core.tasks import make_task
from adgps_global_worker.exchange import Push, Reply, ReplyCode
from adgps_global_worker.nodes.server_client import ServerClient
from exchanges.common import PATIENCE, RATE, Array32, Exchange, end_with_parent, start_server

TASK = make_task("reach")


def width_of(size: int) -> int:
    """Width of two equal hidden layers with which the policy has about so many parameters."""
    return min(range(8, 4000), key=lambda width: abs(_size(width) - size))


def exact_size(size: int) -> int:
    """Number of parameters of the policy that comes closest to a size."""
    return _size(width_of(size))


def _size(width: int) -> int:
    return Architecture(TASK.dim_o, TASK.dim_u, (width, width)).size


def connect(size: int, inline: bool) -> Exchange:
    """Start a server and return the way to it; inline: as if it were on another host."""
    if inline:
        shared_block.host_id = lambda: "0" * 16
    start_server("adgps", width_of(size))
    rclpy.init(args=[])
    node = rclpy.create_node("worker")
    client = ServerClient(node, 5.0, lambda text: print(text, file=sys.stderr))

    def answer_to(push: Push) -> Reply:
        """Say it until it is answered: who was stopped for long has to find the other anew."""
        end = time.monotonic() + PATIENCE
        while (reply := client(push)) is None:
            if time.monotonic() > end:
                raise TimeoutError("the parameter server does not answer")
        return reply

    sequence, version = 0, answer_to(Push.fetch(PolicyVersion())).version

    def exchange(gradient: Array32) -> Array32:
        nonlocal sequence, version
        sequence += 1
        answer = answer_to(Push(sequence, version, gradient))
        if answer.code not in (ReplyCode.APPLIED, ReplyCode.DUPLICATE) or answer.policy is None:
            raise RuntimeError(f"push {sequence}: {answer}")
        version = answer.version
        return answer.policy.values

    return exchange


def _serve(width: int) -> None:
    end_with_parent()
    settings = {
        "hidden": f"[{width}, {width}]",
        "optimizer": "sgd",
        "momentum": 0.0,
        "learning_rate": RATE,
    }
    assignments = [item for pair in settings.items() for item in ("-p", "{}:={}".format(*pair))]
    sys.argv = ["param_server", "--ros-args", *assignments]
    runpy.run_module("adgps_param_server.nodes.param_server", run_name="__main__")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
