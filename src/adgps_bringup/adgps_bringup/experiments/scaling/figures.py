"""Figures of the scaling experiment; what is shown comes in ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from adgps_bringup.experiments.scaling.analysis import Estimate
from adgps_core.typing import Array

matplotlib.use("Agg")

_COLOURS = {
    "GPS": "#4d4d4d",
    "AGPS": "#0072b2",
    "ADGPS-2": "#009e73",
    "ADGPS-4": "#e69f00",
    "ADGPS-8": "#d55e00",
}
_OTHERS = ("#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#56b4e9")


@dataclass(frozen=True)
class Band:
    """Mean and standard deviation of some runs of a variant.

    Parameters
    ----------
    variant : its name.
    at : (n,) abscissae.
    mean, spread : (n,).
    """

    variant: str
    at: Array
    mean: Array
    spread: Array


def learning_curves(
    path: Path, over_trials: Sequence[Band], over_time: Sequence[Band], threshold: float, title: str
) -> None:
    """Draw figure 4: cost of the test instances over trials and over wall clock."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, bands, label in (
        (left, over_trials, "rollouts, all robots together"),
        (right, over_time, "wall clock [min]"),
    ):
        for band in bands:
            colour = _colour(band.variant)
            axes.plot(band.at, band.mean, color=colour, label=band.variant)
            low, high = band.mean - band.spread, band.mean + band.spread
            axes.fill_between(band.at, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axhline(threshold, color="black", linewidth=0.8, linestyle=":")
        axes.set_xlabel(label)
        axes.set_xlim(left=0)
        _tidy(axes)
    left.set_yscale("log")
    left.set_ylabel("cost of the test instances")
    right.legend(frameon=False)
    figure.suptitle(title, x=0.01, ha="left")
    figure.savefig(path, dpi=120)


def speed_ups(
    path: Path,
    wall_clock: Mapping[str, Estimate],
    samples: Mapping[str, Estimate],
    title: str,
) -> None:
    """Draw figure 5: speed-up to the threshold against GPS, and relative number of rollouts."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, estimates, label in (
        (left, wall_clock, "speed-up in wall clock against GPS"),
        (right, samples, "rollouts, relative to GPS"),
    ):
        for place, (variant, estimate) in enumerate(estimates.items()):
            error = [
                [estimate.value - estimate.low],
                [estimate.high - estimate.value],
            ]
            axes.bar(place, estimate.value, 0.6, color=_colour(variant))
            axes.errorbar(place, estimate.value, yerr=error, color="black", capsize=4)
            axes.annotate(
                f"{estimate.value:.2f}",
                (place, max(estimate.high, estimate.value)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
            )
        if not estimates:
            axes.annotate("not reached", (0.5, 0.5), xycoords="axes fraction", ha="center")
        axes.set_xticks(range(len(estimates)), list(estimates))
        axes.set_ylabel(label)
        axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
        axes.margins(y=0.15)
        axes.set_ylim(bottom=0)
        _tidy(axes)
    figure.suptitle(title, x=0.01, ha="left")
    figure.savefig(path, dpi=120)


def where_time_goes(path: Path, spent: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Draw what robots spend their time on, in per cent, one bar a variant."""
    names = list(dict.fromkeys(name for parts in spent.values() for name in parts))
    figure = Figure(figsize=(8, 1.2 + 0.5 * len(spent)), layout="constrained")
    axes = figure.subplots()
    left = dict.fromkeys(spent, 0.0)
    for index, name in enumerate(names):
        widths = [100 * parts.get(name, 0.0) for parts in spent.values()]
        colour = _OTHERS[index % len(_OTHERS)]
        axes.barh(list(spent), widths, left=list(left.values()), color=colour, label=name)
        left = {
            variant: left[variant] + width for variant, width in zip(spent, widths, strict=True)
        }
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("a robot's time [%]")
    axes.legend(frameon=False, ncols=len(names), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    _tidy(axes)
    figure.suptitle(title, x=0.01, ha="left")
    figure.savefig(path, dpi=120)


def staleness(path: Path, histograms: Mapping[str, Mapping[float, int]], title: str) -> None:
    """Draw how stale gradients were, as parts of all, one line a variant."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for variant, counts in histograms.items():
        total = sum(counts.values())
        if total:
            keys = sorted(counts)
            parts = [counts[key] / total for key in keys]
            axes.plot(keys, parts, marker="o", color=_colour(variant), label=variant)
    axes.set_xlabel("staleness: updates of others since the gradient's version")
    axes.set_ylabel("part of the gradients")
    axes.set_yscale("log")
    axes.legend(frameon=False)
    _tidy(axes)
    figure.suptitle(title, x=0.01, ha="left")
    figure.savefig(path, dpi=120)


@dataclass(frozen=True)
class ScalingLine:
    """What the model says of one size of the policy.

    Parameters
    ----------
    label : of the size.
    robots : numbers of robots.
    utilization, server, staleness : for each number.
    bound : robots at which the server has as much to do as it can.
    """

    label: str
    robots: Sequence[int]
    utilization: Sequence[float]
    server: Sequence[float]
    staleness: Sequence[float]
    bound: float


def predictions(path: Path, lines: Sequence[ScalingLine], title: str) -> None:
    """Draw utilisation, the server's load and staleness over the number of robots."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    for index, line in enumerate(lines):
        colour = _OTHERS[index % len(_OTHERS)]
        for axes, values in (
            (first, line.utilization),
            (second, line.server),
            (third, line.staleness),
        ):
            axes.plot(line.robots, values, marker="o", color=colour, label=line.label)
        if line.robots[0] <= line.bound <= line.robots[-1]:
            for axes in (first, second):
                axes.axvline(line.bound, color=colour, linestyle=":", linewidth=1)
    for axes, label in (
        (first, "utilisation of a robot"),
        (second, "load of the parameter server"),
        (third, "mean staleness [updates]"),
    ):
        axes.set_xscale("log", base=2)
        axes.set_xticks(lines[0].robots, [str(each) for each in lines[0].robots])
        axes.minorticks_off()
        axes.tick_params(axis="x", labelrotation=45)
        axes.set_xlabel("robots")
        axes.set_ylabel(label)
        _tidy(axes)
    first.set_ylim(0, 1.05)
    second.set_ylim(0, 1.05)
    third.set_yscale("symlog", linthresh=0.1)
    third.set_ylim(bottom=0)
    first.legend(frameon=False, loc="lower left")
    figure.suptitle(title, x=0.01, ha="left")
    figure.savefig(path, dpi=120)


def _colour(variant: str) -> str:
    return _COLOURS.get(variant, "#cc79a7")


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
