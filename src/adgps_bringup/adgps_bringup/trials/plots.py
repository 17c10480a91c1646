"""trials.png: success of each robot and of each cell of the grid (figure 9, left and right)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

MOST_LEVEL = 5
"""Bars up to which there is room for their names side by side."""

_BAR = "#1f5fa8"
_ALL = "#7a7a7a"


def plot_trials(path: Path, summary: Mapping[str, Any], title: str) -> None:
    """Draw what `report.summarise` has counted.

    Where nobody knows what has succeeded, distances from the goal take its place.

    Parameters
    ----------
    path : of the image.
    summary : of at least one trial.
    title : above the picture.
    """
    figure = Figure(figsize=(9.6, 4.2), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    figure.suptitle(title)
    if summary["overall"]["success_rate"] is not None:
        _success_of_robots(left, summary)
    else:
        _distance_of_robots(left, summary)
    _cells(figure, right, summary)
    figure.savefig(path)


def _success_of_robots(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Bars with their intervals; that of all trials last."""
    names = _bars(axes, summary, "success_rate")
    for x, counts in enumerate(names.values()):
        rate, (low, high) = counts["success_rate"], counts["interval_95"]
        axes.errorbar(x, rate, [[rate - low], [high - rate]], color="black", capsize=4, lw=1.2)
        label = f"{counts['successes']} of {counts['trials']}"
        axes.text(x, high + 0.02, label, ha="center", va="bottom", fontsize=8, color="0.3")
    axes.set_ylim(0, 1.12)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("success, 95 % interval")


def _distance_of_robots(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Bars of the mean distance from the goal at the end."""
    _bars(axes, summary, "mean_final_distance_m", scale=100)
    axes.set_ylabel("distance from the goal at the end [cm]")


def _bars(axes: Axes, summary: Mapping[str, Any], key: str, scale: float = 1) -> dict[str, Any]:
    """Draw a bar for each robot and one for all; the tallies, in that order."""
    names = {**summary["per_robot"], "all": summary["overall"]}
    heights = [scale * counts[key] for counts in names.values()]
    colours = [_BAR] * len(summary["per_robot"]) + [_ALL]
    axes.bar(range(len(names)), heights, width=0.62, color=colours)
    slope = 35 if len(names) > MOST_LEVEL else 0
    labels = [name.replace("_", " ") for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=slope)
    axes.grid(True, axis="y", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return names


def _cells(figure: Figure, axes: Axes, summary: Mapping[str, Any]) -> None:
    """Heat map over the grid; cells without a trial stay empty."""
    known = summary["overall"]["success_rate"] is not None
    key, scale = ("success_rate", 1.0) if known else ("mean_final_distance_m", 100.0)
    values = np.array(
        [
            [np.nan if cell[key] is None else scale * cell[key] for cell in row]
            for row in summary["per_cell"]
        ],
        dtype=np.float64,
    )
    low, high = (0.0, 1.0) if known else (0.0, max(float(np.nanmax(values)), 1e-3))
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap="Blues" if known else "Oranges",
        vmin=low,
        vmax=high,
        aspect="auto",
    )
    axes.set_facecolor("0.85")
    for row, line in enumerate(summary["per_cell"]):
        for column, cell in enumerate(line):
            if cell["trials"]:
                text = f"{cell['successes']}/{cell['trials']}"
                text = text if known else f"{values[row, column]:.1f}"
                colour = "white" if values[row, column] > 0.6 * high else "black"
                axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    axes.set_xticks(range(len(summary["columns"])), summary["columns"])
    axes.set_yticks(range(len(summary["rows"])), summary["rows"])
    axes.set_xlabel(summary["columns_are"])
    axes.set_ylabel(summary["rows_are"])
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes)
    bar.set_label("success" if known else "distance from the goal at the end [cm]")
    if known:
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0))
