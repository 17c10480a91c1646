"""Diagnostics say what they were given, readably."""

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from adgps_core.conversions.diagnostics import diagnostic_array
from adgps_core.global_policy import PolicyVersion


def test_one_status_with_its_values_in_order() -> None:
    """Stamp, name, message and level; keys in the order given."""
    stamp = Time(sec=12, nanosec=34)
    array = diagnostic_array(
        stamp, "/robot_1/sim_robot", "lock-step", {"b": 1, "a": 2}, DiagnosticStatus.WARN
    )
    assert array.header.stamp == stamp
    (status,) = array.status
    assert (status.name, status.message) == ("/robot_1/sim_robot", "lock-step")
    assert status.level == DiagnosticStatus.WARN
    assert [(pair.key, pair.value) for pair in status.values] == [("b", "1"), ("a", "2")]


def test_all_is_well_unless_said_otherwise() -> None:
    """The level is OK by default."""
    assert diagnostic_array(Time(), "n", "m", {}).status[0].level == DiagnosticStatus.OK


def test_numbers_are_written_readably_and_read_back() -> None:
    """Floats with six digits, whole numbers in full, everything else as it prints."""
    values = {
        "third": 1 / 3,
        "numpy": np.float64(2 / 3),
        "large": 12345678.9,
        "unknown": float("nan"),
        "updates": 1234567890123,
        "version": PolicyVersion(1, 20),
        "state": "ready",
    }
    status = diagnostic_array(Time(), "n", "m", values).status[0]
    assert {pair.key: pair.value for pair in status.values} == {
        "third": "0.333333",
        "numpy": "0.666667",
        "large": "1.23457e+07",
        "unknown": "nan",
        "updates": "1234567890123",
        "version": "1.20",
        "state": "ready",
    }
