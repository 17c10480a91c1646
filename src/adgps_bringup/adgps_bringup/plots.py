"""cost.png: the learning curve over rollouts and over wall clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from adgps_bringup.training_state import CurvePoint

_LINE = "#1f5fa8"
_SHADES = ("#f2f5f9", "#fbf5ec")


def plot_cost(
    path: Path, curve: Sequence[CurvePoint], phases: Sequence[tuple[str, int]], title: str
) -> None:
    """Draw the mean cost of a rollout over rollouts and over wall clock.

    Parameters
    ----------
    path : of the image.
    curve : at least one point.
    phases : (label, rollouts at its end) of each phase of training, in order.
    title : above the picture.
    """
    minutes = [point.wall_clock_s / 60 for point in curve]
    rollouts = [float(point.rollouts) for point in curve]
    ends_minutes = [
        max((m for m, r in zip(minutes, rollouts, strict=True) if r <= end), default=minutes[0])
        for _, end in phases
    ]
    figure = Figure(figsize=(9.6, 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    figure.suptitle(title)
    labels = [label for label, _ in phases]
    _panel(left, rollouts, curve, labels, [float(end) for _, end in phases])
    left.set_xlabel("rollouts of all robots")
    left.set_ylabel("cost of a rollout")
    _panel(right, minutes, curve, labels, ends_minutes)
    right.set_xlabel("wall clock [min]")
    figure.savefig(path)


def _panel(
    axes: Axes,
    x: Sequence[float],
    curve: Sequence[CurvePoint],
    labels: Sequence[str],
    ends: Sequence[float],
) -> None:
    """One panel: shaded phases, the curve on a logarithmic axis where it allows one."""
    costs = [point.cost for point in curve]
    start = 0.0
    for index, (label, end) in enumerate(zip(labels, ends, strict=True)):
        end = max(x) if index + 1 == len(ends) else end
        axes.axvspan(start, end, color=_SHADES[index % len(_SHADES)], zorder=0)
        if index:
            axes.axvline(start, color="0.6", linewidth=0.8, linestyle="--")
        axes.text(
            (start + end) / 2,
            0.97,
            label,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=9,
            color="0.35",
        )
        start = end
    axes.plot(x, costs, color=_LINE, linewidth=1.6, marker=".", markersize=4)
    if min(costs) > 0 and max(costs) > 5 * min(costs):
        axes.set_yscale("log")
    axes.set_xlim(left=0, right=max(x) or 1)
    axes.grid(True, which="both", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
