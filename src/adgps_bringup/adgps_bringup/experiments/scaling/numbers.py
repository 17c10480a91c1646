"""The numbers behind the report: CSV for what is drawn, JSON for everything."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adgps_bringup.experiments.scaling.model.prediction import Prediction
from adgps_bringup.experiments.scaling.modelling import Comparison
from adgps_bringup.experiments.scaling.plan import Plan
from adgps_bringup.experiments.scaling.tuning import Candidate
from adgps_bringup.experiments.scaling.verdicts import Comparisons, judge
from adgps_bringup.summary import write_json


def write_numbers(
    report: Path,
    plan: Plan,
    by_network: Mapping[str, Comparisons],
    checked: Sequence[Comparison],
    predicted: Sequence[Prediction],
    bounds: Mapping[int, float],
    candidates: Sequence[Candidate],
) -> None:
    """Write curves.csv, variants.csv, predictions.csv and results.json into the report."""
    _write_csv(
        report / "curves.csv",
        ("network", "variant", "seed", "wall_clock_s", "rollouts", "cost", "distance_m"),
        (
            (network, result.run.variant, result.run.seed, *asdict(point).values())
            for network, comparisons in by_network.items()
            for result in comparisons.results
            for point in result.curve
        ),
    )
    _write_csv(
        report / "variants.csv",
        (
            *("network", "variant", "speed_up", "low", "high"),
            *("relative_rollouts", "low", "high", "lowest_utilization"),
        ),
        (
            (
                network,
                variant,
                *asdict(comparisons.speed_ups[variant]).values(),
                *asdict(comparisons.sample_factors[variant]).values(),
                comparisons.lowest_utilization(variant),
            )
            for network, comparisons in by_network.items()
            for variant in comparisons.by_variant
        ),
    )
    _write_csv(
        report / "predictions.csv",
        ("policy_parameters", "robots", "utilization", "server", "staleness", "updates_per_s"),
        (
            (
                p.size,
                p.robots,
                p.result.utilization,
                p.result.server_utilization,
                p.result.mean_staleness,
                p.result.update_rate,
            )
            for p in predicted
        ),
    )
    content: dict[str, Any] = {
        "plan": asdict(plan),
        "candidates": [asdict(candidate) for candidate in candidates],
        "networks": {network: _network(each) for network, each in by_network.items()},
        "model": {
            "variants": {
                each.name: [
                    {**asdict(agreement), "error": agreement.error} for agreement in each.agreements
                ]
                for each in checked
            },
            "saturation": {str(size): bound for size, bound in bounds.items()},
        },
    }
    write_json(report / "results.json", content)


def _network(comparisons: Comparisons) -> dict[str, Any]:
    """What is known of a network."""
    return {
        "policy_parameters": comparisons.size,
        "verdicts": [asdict(verdict) for verdict in judge(comparisons)],
        "runs": {
            result.run.name: {
                "wall_clock_to_threshold_s": crossed.wall_clock_s,
                "rollouts_to_threshold": crossed.rollouts,
                "duration_s": result.measured.duration_s,
                "rollouts": result.measured.rollouts,
                "failed_rollouts": result.measured.failed_rollouts,
                "updates": result.measured.updates,
                "utilization": dict(result.measured.utilization),
                "spent": dict(result.measured.spent),
                "staleness": {f"{k:g}": n for k, n in result.measured.staleness.items()},
                "real_time_factor": dict(result.measured.real_time_factor),
                "period_error_p99_ms": result.measured.period_error_p99_ms,
                "times": result.measured.phase_times().to_json(),
            }
            for variant, results in comparisons.by_variant.items()
            for result, crossed in zip(results, comparisons.crossings[variant], strict=True)
        },
    }


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        for row in rows:
            writer.writerow([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row])
