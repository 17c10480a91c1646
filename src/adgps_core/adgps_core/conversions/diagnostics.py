"""Diagnostics as every node publishes them."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue


def diagnostic_array(
    stamp: Time,
    name: str,
    message: str,
    values: Mapping[str, object],
    level: bytes = DiagnosticStatus.OK,
) -> DiagnosticArray:
    """One status with its key-value pairs; floats are written with six digits."""
    status = DiagnosticStatus(level=level, name=name, message=message, hardware_id="")
    status.values = [
        KeyValue(key=key, value=f"{value:.6g}" if isinstance(value, float) else str(value))
        for key, value in values.items()
    ]
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array
