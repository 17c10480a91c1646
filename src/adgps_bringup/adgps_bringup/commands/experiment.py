"""`experiment NAME`: one of the paper's experiments, from nothing to its report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from adgps_bringup.interrupts import Interrupts
from adgps_bringup.run_folder import check_writable, locked

NAME = "experiment"
HELP = "run one of the paper's experiments; the same command goes on with one that was stopped"

EXPERIMENTS = ("door", "scaling")
PRESETS = ("full", "quick")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help=", ".join(EXPERIMENTS))
    parser.add_argument("--preset", default="full", help=f"{' or '.join(PRESETS)} (full)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="(0)")
    parser.add_argument("--device", help="for pre-training: cpu or cuda (cuda where there is one)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder (runs/experiment-NAME-PRESET-SEED)"
    )


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned runs it, and returns the exit status."""
    for what, value, known in (
        ("experiment", arguments.name, EXPERIMENTS),
        ("preset", arguments.preset, PRESETS),
    ):
        if value not in known:
            raise ValueError(f"unknown {what} {value!r}, known: {', '.join(known)}")
    if not 0 <= arguments.seed < 2**31:
        raise ValueError(f"seed must be between 0 and 2147483647, not {arguments.seed}")
    own = f"experiment-{arguments.name}-{arguments.preset}-{arguments.seed}"
    folder = (arguments.out or Path("runs") / own).absolute()
    check_writable(folder)

    def run() -> int:
        # Imported late, so that a wrong argument is answered at once.
        with Interrupts() as interrupts, locked(folder):
            if arguments.name == "scaling":
                from adgps_bringup.experiments.scaling.experiment import run_scaling

                return run_scaling(folder, arguments.preset, arguments.seed, interrupts)
            from adgps_bringup.experiments.door.experiment import run_door

            chosen = arguments.preset, arguments.seed, arguments.device
            return run_door(folder, *chosen, interrupts)

    return run
