"""The figures of the scaling experiment's page, from its runs and the model's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adgps_bringup.experiments.scaling import figures
from adgps_bringup.experiments.scaling.analysis import band
from adgps_bringup.experiments.scaling.curve import TestPoint
from adgps_bringup.experiments.scaling.model.prediction import Prediction
from adgps_bringup.experiments.scaling.plan import Plan
from adgps_bringup.experiments.scaling.verdicts import Comparisons, finite


def draw_network(report: Path, plan: Plan, network: str, comparisons: Comparisons) -> None:
    """Draw the figures of a network into the report's folder: costs, speed-ups, time, staleness."""
    title = f"{network} network, {plan.seeds_text}"
    curves = {
        variant: [result.curve for result in results]
        for variant, results in comparisons.by_variant.items()
    }
    over_trials: list[figures.Band] = []
    over_time: list[figures.Band] = []
    for variant, of_variant in curves.items():
        for bands, abscissa in ((over_trials, _rollouts), (over_time, _minutes)):
            end = max(abscissa(curve[-1]) for curve in of_variant)
            at = np.linspace(0, end, 200)
            bands.append(figures.Band(variant, at, *band(of_variant, abscissa, at)))
    figures.learning_curves(
        report / f"figure_4_{network}.png", over_trials, over_time, plan.threshold, title
    )
    figures.speed_ups(
        report / f"figure_5_{network}.png",
        finite(comparisons.speed_ups),
        finite(comparisons.sample_factors),
        f"{title}; to a cost of {plan.threshold:g}, with 95 % intervals",
    )
    figures.where_time_goes(report / f"time_{network}.png", comparisons.spent, title)
    figures.staleness(report / f"staleness_{network}.png", comparisons.staleness, title)


def draw_predictions(
    report: Path, predicted: Sequence[Prediction], bounds: dict[int, float]
) -> None:
    """Draw what the model says of many robots; `bounds` are those of the server, by size."""
    lines = []
    for size, bound in bounds.items():
        mine = sorted((p for p in predicted if p.size == size), key=lambda p: p.robots)
        lines.append(
            figures.ScalingLine(
                f"{size:,} policy parameters",
                [p.robots for p in mine],
                [p.result.utilization for p in mine],
                [min(1.0, p.result.server_utilization) for p in mine],
                [p.result.mean_staleness for p in mine],
                bound,
            )
        )
    figures.predictions(
        report / "predictions.png", lines, "predicted; dotted: as much as the server can do"
    )


def _rollouts(point: TestPoint) -> float:
    return point.rollouts


def _minutes(point: TestPoint) -> float:
    return point.wall_clock_s / 60
