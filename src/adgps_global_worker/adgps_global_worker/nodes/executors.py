"""The executor that costs a message least."""

from __future__ import annotations

from rclpy.context import Context
from rclpy.executors import Executor, SingleThreadedExecutor


def quick_executor(context: Context) -> Executor:
    """Executor on events where rclpy has one (7.1.4 and newer); for `spin_once` with a timeout.

    The ordinary one gathers all that a node could hear of anew for every message, which takes
    longer than the message. Without a timeout the one on events would not hear signals.
    """
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)
