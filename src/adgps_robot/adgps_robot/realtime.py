"""Asking the kernel for a real-time schedule. No ROS."""

from __future__ import annotations

import os


def become_realtime(priority: int) -> str:
    """Run this process under SCHED_FIFO; return why that was not possible, "" if done.

    Only what must not wait for the numerical work of others asks for it: a process that computes
    for long would keep them from running at all. Threads started later inherit it.

    Parameters
    ----------
    priority : 1 (lowest) to 99; 0 asks for nothing.
    """
    if priority == 0:
        return ""
    try:
        # The calling thread only; those that the middleware starts later inherit it.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        return f"no real-time priority {priority}: {error}; see docs/real_arms.md"
    return ""
