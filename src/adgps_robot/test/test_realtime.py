"""A real-time schedule is asked for on request only, and its refusal is one line."""

import os

import pytest

from adgps_robot.realtime import become_realtime


def test_it_is_asked_for_with_its_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []
    monkeypatch.setattr(
        os,
        "sched_setscheduler",
        lambda pid, how, what: asked.append((pid, how, what.sched_priority)),
    )
    assert become_realtime(0) == "" and not asked
    assert become_realtime(40) == ""
    assert asked == [(0, os.SCHED_FIFO, 40)]


def test_a_refusal_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    warning = become_realtime(40)
    assert "priority 40" in warning and "not permitted" in warning and "\n" not in warning
