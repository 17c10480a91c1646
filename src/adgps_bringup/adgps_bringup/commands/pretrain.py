"""`pretrain TASK`: teach the vision network where the door and the end-effectors are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path

from adgps_bringup.bags.folder import find_or_name
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import StackOptions
from adgps_bringup.output import say
from adgps_bringup.pretraining.plan import OPTIONS, PRESETS, PretrainOptions
from adgps_bringup.run_folder import check_new, check_writable, locked

NAME = "pretrain"
HELP = "pre-train the vision network of a task on poses"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; their defaults are those of PretrainOptions."""
    default = PretrainOptions()
    parser.add_argument("task", nargs="?", help="name of the task: door")
    parser.add_argument("--robots", type=int, metavar="N", help=f"robots ({default.robots})")
    parser.add_argument("--seed", type=int, metavar="S", help=f"({default.seed})")
    parser.add_argument(
        "--preset", help=f"{' or '.join(PRESETS)}, to see that it works ({default.preset})"
    )
    parser.add_argument("--device", help="cpu or cuda (cuda where there is one)")
    parser.add_argument(
        "--demo",
        type=Path,
        metavar="BAG",
        help="bag of demonstrations (a simulated guide gives some)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder (runs/pretrain-TASK-TIMESTAMP)"
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on in this folder")


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned trains, and returns the exit status."""
    options, folder = choose(arguments)
    # Threads of torch that wait for each other shall sleep: where others want the cores, spinning
    # costs four times as much. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Imported late, so that a wrong argument is answered at once.
    from adgps_global_worker.pretraining.device import choose_device

    device = choose_device(arguments.device)
    keep_demonstrations = _demonstrations(arguments.demo, options, folder)

    def run() -> int:
        from adgps_bringup.pretraining.pipeline import pretrain

        with Interrupts() as interrupts, locked(folder):
            options.write(folder / OPTIONS)
            keep_demonstrations()
            return pretrain(options, folder, device, interrupts)

    return run


def choose(arguments: argparse.Namespace) -> tuple[PretrainOptions, Path]:
    """Choices and folder; ValueError with one line if they cannot be."""
    given = vars(arguments)
    names = (field.name for field in fields(PretrainOptions))
    chosen = {name: given[name] for name in names if given[name] is not None}
    if arguments.resume is not None:
        fixed = [f"--{name}" for name in ("out", "demo") if given[name] is not None]
        fixed = [*(name if name == "task" else f"--{name}" for name in chosen), *fixed]
        if fixed:
            raise ValueError(f"--resume goes on with what is there: leave out {', '.join(fixed)}")
        folder = arguments.resume.absolute()
        options = PretrainOptions.read(folder / OPTIONS)
        check_writable(folder)
        return options, folder
    if arguments.task is None:
        raise ValueError("name the task, door, or a folder to go on in: --resume RUN")
    options = PretrainOptions(**chosen)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = (arguments.out or Path("runs") / f"pretrain-{options.task}-{stamp}").absolute()
    check_new(folder)
    return options, folder


def _demonstrations(bag: Path | None, options: PretrainOptions, folder: Path) -> Callable[[], None]:
    """Convert a bag of demonstrations; what is returned puts them into the folder."""
    if bag is None:
        return lambda: None
    from adgps_bringup.demo_bags.load import load_new

    stack = StackOptions(task=options.task, run=folder, demo=find_or_name(bag))
    return load_new(stack, say)
