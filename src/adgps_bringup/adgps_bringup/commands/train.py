"""`train TASK`: run the whole stack, show its progress, evaluate, write the run's folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adgps_bringup.bags.folder import find_bag, find_or_name
from adgps_bringup.description import NodeDescription, Stack
from adgps_bringup.interrupts import Interrupts
from adgps_bringup.options import MODES, ROLES, STORAGES, StackOptions
from adgps_bringup.output import say
from adgps_bringup.parameter_files import check_files
from adgps_bringup.processes import check_executables
from adgps_bringup.real_robots import read_robots
from adgps_bringup.resources import hyper_parameters, real_parameters
from adgps_bringup.run_folder import check_new, check_writable, locked, resume_options
from adgps_bringup.stack import describe_stack
from adgps_bringup.vision import keep_vision
from adgps_core.phases import METHODS, OPTIMIZERS

NAME = "train"
HELP = "practise a task with several robots and train one global policy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; their defaults are those of StackOptions."""
    default = StackOptions()
    unset: Any = argparse.SUPPRESS  # so that --resume knows what was asked for
    parser.add_argument("task", help="name of the task, e.g. reach")
    parser.add_argument(
        "--robots", type=int, default=unset, metavar="N", help=f"robots ({default.robots})"
    )
    parser.add_argument(
        "--instance",
        nargs="+",
        dest="instances",
        default=unset,
        metavar="ID",
        help="training instances to practise, for example training/0 (all)",
    )
    parser.add_argument(
        "--global-workers", type=int, default=unset, metavar="M", help="(one per robot)"
    )
    parser.add_argument("--method", default=unset, help=f"{', '.join(METHODS)} ({default.method})")
    parser.add_argument(
        "--optimizer", default=unset, help=f"{', '.join(OPTIMIZERS)} ({default.optimizer})"
    )
    parser.add_argument("--mode", default=unset, help=f"{' or '.join(MODES)} ({default.mode})")
    parser.add_argument(
        "--iterations", type=int, default=unset, metavar="K", help="of the last phase, per instance"
    )
    parser.add_argument("--seed", type=int, default=unset, metavar="S", help=f"({default.seed})")
    parser.add_argument(
        "--real-time-factor", type=float, default=unset, metavar="F", help="0: lock-step (0)"
    )
    parser.add_argument(
        "--robots-file", type=Path, metavar="FILE", help="real robots, in place of simulated ones"
    )
    parser.add_argument(
        "--role", default=unset, help=f"real robots: {', '.join(ROLES)} ({default.role})"
    )
    parser.add_argument(
        "--host", default=unset, metavar="NAME", help="real robots: only those of this machine"
    )
    parser.add_argument(
        "--run", type=Path, metavar="DIR", help="folder of the run (runs/TASK-TIMESTAMP)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR")
    recording = parser.add_mutually_exclusive_group()
    recording.add_argument(
        "--record",
        action="store_const",
        const="trajectories",
        default=unset,
        help="record trajectories, policy parameters and diagnostics into DIR/bag",
    )
    recording.add_argument(
        "--record-all",
        action="store_const",
        const="all",
        dest="record",
        default=unset,
        help="record joint states, commands, images and IMU too",
    )
    parser.add_argument(
        "--storage", default=unset, help=f"of the bag: {' or '.join(STORAGES)} ({default.storage})"
    )
    parser.add_argument(
        "--keep-policies",
        type=float,
        default=unset,
        metavar="SECONDS",
        help="keep a policy in DIR/policies every so often",
    )
    parser.add_argument(
        "--from-bag",
        type=Path,
        metavar="BAG",
        help="train from recorded trajectories alone; the robots only evaluate",
    )
    parser.add_argument(
        "--demo",
        type=Path,
        metavar="BAG",
        help="bag of demonstrations that the first local policies follow",
    )
    parser.add_argument(
        "--vision",
        type=Path,
        metavar="FILE",
        help="pre-trained vision network that the global policy sees with",
    )
    parser.add_argument(
        "--unfreeze",
        action="store_true",
        default=unset,
        help="train the vision network with the policy",
    )
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        metavar="FILE",
        help="ROS parameter file over the task's own; may be given several times",
    )


def prepare(arguments: argparse.Namespace) -> Callable[[], int]:
    """Validate everything; what is returned trains, and returns the exit status."""
    options = choose(arguments)
    stack = describe_stack(options)
    if options.from_bag is not None:
        return _prepare_from_bag(arguments, options, stack)
    _check(arguments, stack.nodes, stack.elsewhere)
    keep_demonstrations, keep_eyes = _demonstrations(options), keep_vision(options)

    def run() -> int:
        # Imported late, so that a wrong argument is answered at once.
        from adgps_bringup.serving import serve
        from adgps_bringup.training import train

        assert options.run is not None
        with Interrupts() as interrupts, locked(options.run):
            keep_demonstrations()
            keep_eyes()
            return (train if options.plays("server") else serve)(options, interrupts)

    return run


def _prepare_from_bag(
    arguments: argparse.Namespace, options: StackOptions, practice: Stack
) -> Callable[[], int]:
    """Validate what only a bag can tell; parameter files may speak of nodes that practise."""
    from adgps_bringup.bags.dataset import survey
    from adgps_bringup.bags.reader import Bag
    from adgps_bringup.stack_from_bag import describe_from_bag, options_for

    assert options.from_bag is not None
    with Bag(options.from_bag, print) as bag:
        found = survey(bag)
    options = options_for(options, found)
    if not arguments.resume:
        own = _hyper_parameters(options)
        extra = tuple(path.absolute() for path in arguments.config or ())
        options = replace(options, parameter_files=(*own, *extra))
    _check(arguments, (*practice.nodes, *describe_from_bag(options, found).nodes))
    refused = f", {found.refused} messages refused" if found.refused else ""
    print(
        f"{options.from_bag}: {found.rollouts} rollouts of {len(found.topics)} robots,"
        f" {found.task}, {found.method}{refused}",
        flush=True,
    )

    keep_eyes = keep_vision(options)

    def run() -> int:
        from adgps_bringup.training import train_from_bag

        assert options.run is not None
        with Interrupts() as interrupts, locked(options.run):
            keep_eyes()
            return train_from_bag(options, found, interrupts)

    return run


def _demonstrations(options: StackOptions) -> Callable[[], None]:
    """Convert a bag of demonstrations; what is returned puts them into the run's folder."""
    if options.demo is None:
        return lambda: None
    # Imported late: it takes a second or two.
    from adgps_bringup.demo_bags.load import load_new

    return load_new(options, say)


def _check(
    arguments: argparse.Namespace,
    nodes: Sequence[NodeDescription],
    elsewhere: Sequence[NodeDescription] = (),
) -> None:
    """Refuse parameter files and installations that cannot be used.

    All machines have the same files, which speak of nodes that others start, too.
    """
    check_files((*nodes, *elsewhere))
    if arguments.config:
        # Imported late: it asks the nodes' own modules, which takes a second or two.
        from adgps_bringup.declared_parameters import check_values

        check_values((*nodes, *elsewhere), [path.absolute() for path in arguments.config])
    check_executables(nodes)


def choose(arguments: argparse.Namespace) -> StackOptions:
    """Choices of the run; ValueError with one line if they cannot be."""
    given = vars(arguments)
    names = {field.name for field in fields(StackOptions)} - {"run", "parameter_files", "from_bag"}
    chosen = {name: value for name, value in given.items() if name in names and value is not None}
    if arguments.from_bag is not None:
        if arguments.resume:
            raise ValueError("--from-bag begins a new run, --resume goes on with one")
        chosen["from_bag"] = find_bag(arguments.from_bag).absolute()
    if "instances" in chosen:
        chosen["instances"] = tuple(chosen["instances"])
    if "demo" in chosen:
        chosen["demo"] = find_or_name(chosen["demo"])
    if "vision" in chosen:
        chosen["vision"] = chosen["vision"].absolute()
    if "robots_file" in chosen:
        chosen["robots_file"] = chosen["robots_file"].absolute()
        _refuse_for_real(chosen)
        chosen["robots"] = len(read_robots(chosen["robots_file"]))
        chosen["real_time_factor"] = 1.0
    options = StackOptions(**chosen)
    extra = tuple(path.absolute() for path in arguments.config or ())
    if arguments.resume:
        if arguments.run is None:
            raise ValueError("--resume needs --run DIR, the folder of the run to go on with")
        run_folder = arguments.run.absolute()
        saved = resume_options(run_folder, chosen)
        if saved.from_bag is not None:
            raise ValueError(f"{run_folder} trained from a bag, which cannot be gone on with")
        check_writable(run_folder)
        return replace(saved, parameter_files=(*saved.parameter_files, *extra))
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    run_folder = (arguments.run or Path("runs") / f"{options.task}-{stamp}").absolute()
    check_new(run_folder)
    own = _hyper_parameters(options)
    if options.real:
        own = (real_parameters(), *own)
    return replace(options, run=run_folder, parameter_files=(*own, *extra))


def _hyper_parameters(options: StackOptions) -> tuple[Path, ...]:
    return hyper_parameters(options.task, options.method, options.optimizer, options.unfreeze)


def _refuse_for_real(chosen: dict[str, Any]) -> None:
    """Refuse what the list of real robots says itself."""
    for name in ("robots", "real_time_factor"):
        if name in chosen:
            raise ValueError(f"--{name.replace('_', '-')} is for simulated robots")
