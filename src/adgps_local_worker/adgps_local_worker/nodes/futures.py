"""Requests made in a thread of its own, answered in the executor's, with bounded waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future


class NoAnswerError(Exception):
    """A peer did not answer in time; the message names it."""


def ask(node: Node, request: Callable[[], Future], timeout: float, peer: str) -> Any:
    """Answer to a request of a node; NoAnswerError naming the peer after timeout seconds.

    The request is sent in the executor's thread. An action client notes a goal only after it was
    sent, so that a quick answer to one sent from elsewhere can find nobody waiting for it.

    Never call this in the executor's thread: it would wait for itself.
    """
    answered = threading.Event()
    sent: list[Future] = []

    def send() -> None:
        sent.append(request())
        sent[0].add_done_callback(lambda _: answered.set())

    assert node.executor is not None
    node.executor.create_task(send)
    if not answered.wait(timeout):
        raise NoAnswerError(f"no answer from {peer} within {timeout:g} s")
    return sent[0].result()
