"""Train `reach` with its defaults for several seeds, and print what the README reports.

    ./adgps exec python benchmarks/reach_seeds.py [--seeds 0 1 2] [--runs DIR] [-- TRAIN ARGUMENTS]

A run whose summary is there already is not repeated.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

SPLITS = ("training", "validation", "test")


def train(seed: int, run: Path, arguments: list[str]) -> dict[str, Any]:
    """Train one seed, unless it was; return its summary."""
    summary = run / "summary.json"
    if not summary.exists():
        command = ["train", "reach", "--seed", str(seed), "--run", str(run), *arguments]
        subprocess.run([sys.executable, "-m", "adgps_bringup.cli", *command], check=True)
    loaded: dict[str, Any] = json.loads(summary.read_text())
    return loaded


def row(name: str, summary: dict[str, Any]) -> str:
    """One line of the table, distances in centimetres."""
    cells = [name, f"{summary['wall_clock_s'] / 60:.1f}", str(summary["rollouts"])]
    for split in SPLITS:
        ends = [100 * i["final_distance_m"] for i in summary["evaluation"][split]["per_instance"]]
        cells.append(f"{statistics.mean(ends):.1f} ({max(ends):.1f})")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Train every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/seeds"))
    parser.add_argument("arguments", nargs="*", help="passed on to ./adgps train")
    options = parser.parse_args()
    rows = [
        row(f"{seed}", train(seed, options.runs / f"seed_{seed}", options.arguments))
        for seed in options.seeds
    ]
    print("| seed | minutes | rollouts | training [cm] | validation [cm] | test [cm] |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
