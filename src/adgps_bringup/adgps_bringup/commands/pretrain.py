"""`pretrain TASK`: teach the vision network where doors and end-effectors are."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from adgps_bringup.interrupts import Interrupts
from adgps_bringup.run_folder import check_new, check_writable, locked

NAME = "pretrain"
HELP = "pre-train the vision network of a task on poses"
DEVICES = ("cpu", "cuda")
OPTIONS = "options.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("task", nargs="?", help="name of the task: door")
    parser.add_argument("--robots", type=int, default=4, metavar="N", help="robots (4)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="(0)")
    parser.add_argument(
        "--preset", default="full", help="full, or quick: to see that it works (full)"
    )
    parser.add_argument("--device", help="cpu or cuda (cuda where there is one)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder (runs/pretrain-TASK-TIMESTAMP)"
    )
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with what is in this folder"
    )


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned trains, and returns the exit status."""
    # Imported late, so that the other verbs need not wait for it.
    from adgps_bringup.pretraining.plan import PretrainOptions

    if arguments.resume is not None:
        if arguments.task is not None or arguments.out is not None:
            raise ValueError("--resume goes on with its own task, in its own folder")
        folder = arguments.resume.absolute()
        options = PretrainOptions.read(folder / OPTIONS)
        check_writable(folder)
    else:
        if arguments.task is None:
            raise ValueError("which task? Known: door")
        options = PretrainOptions(
            arguments.task, arguments.robots, arguments.seed, arguments.preset
        )
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        name = arguments.out or Path("runs") / f"pretrain-{options.task}-{stamp}"
        folder = name.absolute()
        check_new(folder)
    device = _device(arguments.device)

    def run() -> int:
        from adgps_bringup.pretraining.pipeline import pretrain

        with Interrupts() as interrupts, locked(folder):
            options.write(folder / OPTIONS)
            return pretrain(options, folder, device, interrupts)

    return run


def _device(asked: str | None) -> str:
    """Where torch computes; ValueError if it cannot there."""
    if asked not in (None, *DEVICES):
        raise ValueError(f"unknown device {asked!r}, known: {', '.join(DEVICES)}")
    if asked == "cpu":
        return asked
    import torch

    available = torch.cuda.is_available()
    if asked == "cuda" and not available:
        raise ValueError("there is no GPU that torch can use: --device cpu")
    return "cuda" if available else "cpu"
