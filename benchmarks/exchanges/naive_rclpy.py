"""A ROS service as one writes it first: array fields set from ndarrays, Fast DDS as it comes."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException

from adgps_msgs.srv import PushGradient
from exchanges.common import (
    PATIENCE,
    Array32,
    Exchange,
    Parameters,
    end_with_parent,
    start_server,
)

SERVICE = "/naive/push_gradient"


def connect(size: int, _: Path) -> Exchange:
    """Start a server and return the way to it."""
    start_server("naive_rclpy", size)
    rclpy.init(args=[])
    node = rclpy.create_node("client")
    client = node.create_client(PushGradient, SERVICE)
    if not client.wait_for_service(PATIENCE):
        raise TimeoutError("the naive server does not answer")

    def exchange(gradient: Array32) -> Array32:
        request = PushGradient.Request()
        request.gradient = gradient
        future = client.call_async(request)
        rclpy.spin_until_future_complete(node, future)
        return np.array(future.result().parameters.values, dtype=np.float32)

    return exchange


def _serve(size: int) -> None:
    parameters = Parameters(size)
    rclpy.init(args=[])
    end_with_parent(rclpy.shutdown)  # Fast DDS leaves shared memory behind if it cannot tidy up
    node = rclpy.create_node("server")

    def push(
        request: PushGradient.Request, response: PushGradient.Response
    ) -> PushGradient.Response:
        parameters.apply(np.array(request.gradient, dtype=np.float32))
        response.parameters.values = parameters.values
        return response

    node.create_service(PushGradient, SERVICE, push)
    with suppress(ExternalShutdownException):
        rclpy.spin(node)
    node.destroy_node()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
