"""Train `reach` with every method and optimiser, and print and plot what the README reports.

    ./adgps exec python benchmarks/reach_combinations.py [--seeds 0 1 2] [--runs DIR] [--plot FILE]

Besides the task's own splits each policy is tried on 50 goals drawn evenly from the whole goal box.
A run or an evaluation whose file is there already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from adgps_core.phases import METHODS, OPTIMIZERS
from adgps_core.tasks.reach import GOALS

COMBINATIONS = tuple(product(METHODS, OPTIMIZERS))
COLOURS = {"badmm": "#c8641e", "mdgps": "#1f5fa8"}
STYLES = {"lqr": "-", "pi2": "--"}
BOX_GOALS = 50
BOX_SEED = 2016


def adgps(*arguments: object) -> None:
    """Run a verb of the command line to its end."""
    command = [sys.executable, "-m", "adgps_bringup.cli", *map(str, arguments)]
    subprocess.run(command, check=True)


def measure(method: str, optimizer: str, seed: int, runs: Path) -> dict[str, Any]:
    """Train and evaluate, unless it was done; return the summary with the box as a split."""
    run = runs / f"{method}_{optimizer}_{seed}"
    if not (run / "summary.json").exists():
        choice = ("--method", method, "--optimizer", optimizer, "--seed", seed)
        adgps("train", "reach", *choice, "--run", run)
    if not (run / "box.json").exists():
        adgps("evaluate", run, "--instances", box(runs), "--json", run / "box.json")
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    summary["evaluation"]["box"] = json.loads((run / "box.json").read_text())
    return summary


def box(runs: Path) -> Path:
    """Write the goals of the whole box, the same for all runs."""
    points = GOALS.at(np.random.default_rng(BOX_SEED).random((BOX_GOALS, 3)))
    path = runs / "box.yaml"
    path.write_text(yaml.safe_dump({"goals": [{"position": p.tolist()} for p in points]}))
    return path


def row(method: str, optimizer: str, summaries: Sequence[dict[str, Any]]) -> str:
    """One line of the table: mean and standard deviation over seeds of the mean distance [cm]."""
    phases = " → ".join(
        f"{phase['iterations']} × {phase['method']}+{phase['optimizer']}"
        for phase in summaries[0]["phases"]
    )
    minutes = [summary["wall_clock_s"] / 60 for summary in summaries]
    rollouts = [summary["rollouts"] for summary in summaries]
    cells = [method.upper(), optimizer.upper(), phases]
    cells += [f"{statistics.mean(rollouts):.0f}", f"{statistics.mean(minutes):.1f}"]
    for split in ("training", "test", "box"):
        found = [100 * s["evaluation"][split]["mean_final_distance_m"] for s in summaries]
        spread = statistics.stdev(found) if len(found) > 1 else float("nan")
        cells.append(f"{statistics.mean(found):.2f} ± {spread:.2f}")
    return "| " + " | ".join(cells) + " |"


def plot(path: Path, results: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Draw the part of the box's goals that end within a distance, all seeds together."""
    figure = Figure(figsize=(6.4, 3.8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for (method, optimizer), summaries in results.items():
        ends = np.sort(
            [
                100 * instance["final_distance_m"]
                for summary in summaries
                for instance in summary["evaluation"]["box"]["per_instance"]
            ]
        )
        axes.step(
            ends,
            np.arange(1, len(ends) + 1) / len(ends),
            where="post",
            color=COLOURS[method],
            linestyle=STYLES[optimizer],
            label=f"{method.upper()}, {optimizer.upper()}",
        )
    axes.set_xscale("log")
    axes.set_xlabel("final distance from the goal [cm]")
    axes.set_ylabel("part of the goals within it")
    axes.set_ylim(0, 1)
    axes.grid(True, which="both", color="0.9", linewidth=0.6)
    axes.legend(loc="upper left", frameon=False)
    seeds = len(next(iter(results.values())))
    axes.set_title(f"reach: {BOX_GOALS} goals from the whole box, {seeds} seeds", fontsize=10)
    figure.savefig(path)


def main() -> None:
    """Measure every combination and seed; print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/combinations"))
    parser.add_argument("--plot", type=Path, help="image to draw")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    results: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for seed in options.seeds:  # by seed, so that a part of the table is fair as well
        for choice in COMBINATIONS:
            results.setdefault(choice, []).append(measure(*choice, seed, options.runs))
    print(
        "| method | optimiser | iterations | rollouts | minutes "
        "| training [cm] | test [cm] | box [cm] |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for choice, summaries in results.items():
        print(row(*choice, summaries))
    if options.plot:
        plot(options.plot, results)


if __name__ == "__main__":
    main()
