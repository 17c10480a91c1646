"""Asking the kernel to run a controller's ticks when they are due. No ROS."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from contextlib import suppress

SLICE_NS = 100_000
"""Shortest time slice that the kernel grants an ordinary process [ns]."""

_SYSTEM_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""Numbers of sched_setattr and sched_getattr, which the C library has no functions for."""

_ATTRIBUTES = struct.Struct("IIQiIQQQ")
"""struct sched_attr: size, policy, flags, nice, priority, runtime [ns], deadline, period."""

_RUNTIME = 5


def shorten_slice() -> bool:
    """Ask for a short time slice of the calling thread; whether the kernel took the wish.

    A thread that computes little at a time then begins sooner beside threads that compute without
    end: Linux (6.12 and newer, EEVDF) runs first whoever's slice ends first. No permission is
    needed; elsewhere nothing changes.
    """
    if platform.machine() not in _SYSTEM_CALLS:
        return False
    set_attributes, get_attributes = _SYSTEM_CALLS[platform.machine()]
    call = ctypes.CDLL(None).syscall
    buffer = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if call(get_attributes, 0, buffer, _ATTRIBUTES.size, 0) != 0:
        return False
    attributes = list(_ATTRIBUTES.unpack(buffer.raw))
    attributes[_RUNTIME] = SLICE_NS
    done: int = call(set_attributes, 0, _ATTRIBUTES.pack(*attributes), 0)
    return done == 0


def run_promptly(priority: int) -> str:
    """Let this process begin when something is due; return why that was not possible, "" if done.

    Only what must not wait for the numerical work of others asks for it: under SCHED_FIFO a process
    that computes for long would keep them from running at all. All its threads get the priority, as
    do those that they start later: the middleware's hold locks that the controller waits for, and
    would keep them while others compute.

    Parameters
    ----------
    priority : under SCHED_FIFO, 1 (lowest) to 99; 0: an ordinary process, with a short slice.
    """
    if priority == 0:
        shorten_slice()
        return ""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
        for thread in os.listdir("/proc/self/task"):
            with suppress(ProcessLookupError):  # it has just ended
                os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        return f"no real-time priority {priority}: {error}; see docs/real_arms.md"
    return ""
