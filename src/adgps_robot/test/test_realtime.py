"""A real-time schedule is asked for on request only, and its refusal is one line."""

import os
import threading
from pathlib import Path

import pytest

from adgps_robot.realtime import SLICE_NS, run_promptly, shorten_slice


def test_it_is_asked_for_with_its_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(
        os,
        "sched_setscheduler",
        lambda pid, how, what: asked.append((pid, how, what.sched_priority)),
    )
    monkeypatch.setattr("adgps_robot.realtime.shorten_slice", lambda: asked.append((0, 0, 0)))
    assert run_promptly(0) == "" and asked.pop() == (0, 0, 0) and not asked
    assert run_promptly(40) == ""
    assert asked[0] == (0, os.SCHED_FIFO, 40)
    assert set(asked[1:]) == {(int(t), os.SCHED_FIFO, 40) for t in os.listdir("/proc/self/task")}


def test_a_refusal_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    warning = run_promptly(40)
    assert "priority 40" in warning and "not permitted" in warning and "\n" not in warning


def test_a_short_slice_keeps_schedule_and_nice_value() -> None:
    """In a thread of its own: the wish cannot be taken back."""
    seen: list[tuple[bool, int, int, str]] = []

    def ask() -> None:
        done = shorten_slice()
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        status = Path(f"/proc/self/task/{threading.get_native_id()}/sched")
        text = status.read_text() if status.exists() else ""
        seen.append((done, os.sched_getscheduler(0), nice, text))

    nice = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    ((done, schedule, nice_after, text),) = seen
    assert done
    assert (schedule, nice_after) == (os.SCHED_OTHER, nice)
    lines = [line for line in text.splitlines() if line.startswith("se.slice")]
    for line in lines:  # kernels before 6.12 have no slice of one's own
        assert int(line.split(":")[1]) == SLICE_NS
