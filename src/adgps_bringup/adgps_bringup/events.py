"""The learning curve and the diagnostics as TensorBoard events, written while training goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from adgps_bringup.training_state import CurvePoint


class EventWriter:
    """Writes scalars over the number of rollouts; TensorBoard also shows them over time.

    Parameters
    ----------
    folder : of the events.
    """

    def __init__(self, folder: Path) -> None:
        """Open a file of events."""
        self._writer = EventFileWriter(str(folder), flush_secs=5)
        self._curve_points = 0

    def curve(self, points: list[CurvePoint]) -> None:
        """Write the points that were not written before."""
        for point in points[self._curve_points :]:
            self._write("curve/cost", point.cost, point.rollouts, time.time())
        self._curve_points = len(points)

    def diagnostics(self, node: str, values: Mapping[str, str], rollouts: int) -> None:
        """Write every number among the values of a node's diagnostics."""
        now = time.time()
        for key, text in values.items():
            try:
                number = float(text)
            except ValueError:
                continue
            if math.isfinite(number):
                self._write(f"{node}/{key}", number, rollouts, now)

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()

    def _write(self, tag: str, value: float, step: int, wall_time: float) -> None:
        """Write one scalar."""
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        self._writer.add_event(Event(wall_time=wall_time, step=step, summary=summary))
