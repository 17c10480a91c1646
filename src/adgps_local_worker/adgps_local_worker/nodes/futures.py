"""Waits of a thread of its own: bounded, named after the peer, and over once the node stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future

LOOK_PERIOD = 0.1
"""How often a wait looks whether the node is being stopped [s]."""


class NoAnswerError(Exception):
    """A peer did not answer in time; the message names it."""


class StoppedError(Exception):
    """The node is being stopped, and whoever waits gives up."""


def ask(
    node: Node,
    request: Callable[[], Future],
    timeout: float,
    peer: str,
    stop: threading.Event,
) -> Any:
    """Answer to a request of a node; NoAnswerError naming the peer after timeout seconds.

    The request is sent in the executor's thread. An action client notes a goal only after it was
    sent, so that a quick answer to one sent from elsewhere can find nobody waiting for it.

    Never call this in the executor's thread: it would wait for itself.

    Raises
    ------
    NoAnswerError, StoppedError
        If no answer came in time, or stop was set first.
    """
    answered = threading.Event()
    sent: list[Future] = []

    def send() -> None:
        sent.append(request())
        sent[0].add_done_callback(lambda _: answered.set())

    assert node.executor is not None
    node.executor.create_task(send)
    deadline = time.monotonic() + timeout
    while not answered.wait(LOOK_PERIOD):
        if stop.is_set():
            raise StoppedError
        if time.monotonic() > deadline:
            raise NoAnswerError(f"no answer from {peer} within {timeout:g} s")
    return sent[0].result()
