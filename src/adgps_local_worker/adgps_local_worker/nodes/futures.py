"""Waiting, bounded, in a thread of its own for what an executor in another thread completes."""

from __future__ import annotations

import threading
from typing import Any

from rclpy.task import Future


class NoAnswerError(Exception):
    """A peer did not answer in time; the message names it."""


def result_of(future: Future, timeout: float, peer: str) -> Any:
    """Result of a future; NoAnswerError naming the peer after timeout seconds.

    Never call this in an executor's thread: it would wait for itself.
    """
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    if not done.wait(timeout):
        future.cancel()
        raise NoAnswerError(f"no answer from {peer} within {timeout:g} s")
    return future.result()
