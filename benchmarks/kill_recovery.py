"""Train undisturbed and with processes killed at random times, and compare where both end.

    ./adgps exec python benchmarks/kill_recovery.py [--robots 4] [--seed 0] [--kills 1] [--runs DIR]
        [-- TRAIN ARGUMENTS]

In the second run a global worker, a local worker, a simulated robot and the parameter server are
each killed (SIGKILL) --kills times, at moments spread at random over the first run's duration; the
moments are printed, and repeat with the same seed. It takes twice as long as training does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SPLITS = ("training", "validation", "test")
BOUND_CM = 0.5
"""Difference of the mean final distances that is asked for [cm]."""


def start(run: Path, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """Start to train in a new folder."""
    command = [sys.executable, "-m", "adgps_bringup.cli", "train", "reach", "--run", str(run)]
    command += ["--robots", str(options.robots), "--seed", str(options.seed), *options.arguments]
    return subprocess.Popen(command)


def summary(run: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the end of a run and read what came of it."""
    if process.wait() != 0:
        sys.exit(f"training in {run} ended with status {process.returncode}")
    loaded: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return loaded


def newest_pid(run: Path, name: str) -> int | None:
    """Process id of a node, by its log."""
    log = run / "log" / f"{name.replace('/', '.')}.log"
    pids = re.findall(r"^--- started, pid (\d+)$", log.read_text(), re.M) if log.exists() else []
    return int(pids[-1]) if pids else None


def plan(rng: random.Random, robots: int, kills: int, duration: float) -> list[tuple[float, str]]:
    """Moments [s] and names; every kind is killed, over the middle of the run."""
    kinds = ("global_worker", "local_worker", "simulated_robot")
    names = ["param_server"] * kills
    names += [f"robot_{rng.randint(1, robots)}/{kind}" for kind in kinds for _ in range(kills)]
    return sorted((rng.uniform(0.1, 0.85) * duration, name) for name in names)


def disturb(run: Path, process: subprocess.Popen[bytes], moments: list[tuple[float, str]]) -> int:
    """Kill each process at its moment, as long as training goes on; how many were killed."""
    begin = time.monotonic()
    killed = 0
    for moment, name in moments:
        while time.monotonic() < begin + moment or newest_pid(run, name) is None:
            if process.poll() is not None:
                return killed
            time.sleep(0.1)
        pid = newest_pid(run, name)
        assert pid is not None
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            print(f"*** {moment:.0f} s: {name} was gone already", flush=True)
            continue
        killed += 1
        print(f"*** {moment:.0f} s: killed {name}", flush=True)
    return killed


def report(undisturbed: dict[str, Any], disturbed: dict[str, Any], killed: int) -> bool:
    """Print both results; whether the second is at most so much worse."""
    print(f"{killed} processes killed, {disturbed['metrics']['respawns']} started again")
    print("| split | undisturbed [cm] | disturbed [cm] | difference [cm] |")
    print("|---|---|---|---|")
    differences: list[float] = []
    for split in SPLITS:
        ends = [
            100 * run["evaluation"][split]["mean_final_distance_m"]
            for run in (undisturbed, disturbed)
        ]
        differences.append(ends[1] - ends[0])
        print(f"| {split} | {ends[0]:.2f} | {ends[1]:.2f} | {differences[-1]:+.2f} |")
    return max(differences) <= BOUND_CM


def main() -> None:
    """Train twice and print the table; exit status 1 if a kill cost more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--robots", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=1, help="of each kind (1)")
    parser.add_argument("--runs", type=Path, default=Path("runs/kill_recovery"))
    parser.add_argument("arguments", nargs="*", help="passed on to ./adgps train")
    options = parser.parse_args()
    first, second = options.runs / "undisturbed", options.runs / "disturbed"
    undisturbed = summary(first, start(first, options))
    moments = plan(
        random.Random(options.seed), options.robots, options.kills, undisturbed["wall_clock_s"]
    )
    process = start(second, options)
    try:
        killed = disturb(second, process, moments)
        disturbed = summary(second, process)
    finally:
        process.terminate()
    close = report(undisturbed, disturbed, killed)
    if killed < len(moments):
        sys.exit(f"only {killed} of {len(moments)} were killed: training ended too soon")
    sys.exit(0 if close else 1)


if __name__ == "__main__":
    main()
