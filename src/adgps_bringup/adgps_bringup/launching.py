"""From the launch arguments to a run, and from the description of its nodes to launch_ros actions.

The nodes run as under the supervisor: the same environment, folder of the run, limit on restarts,
and end, for they never outlive launch, in whatever way that ends.
"""

from __future__ import annotations

import atexit
import re
import shlex
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import OpaqueFunction, SetEnvironmentVariable
from launch.events.process import ProcessExited
from launch.logging import get_logger
from launch_ros.actions import Node
from launch_ros.ros_adapters import get_ros_node

from adgps_bringup.bags.folder import find_or_name
from adgps_bringup.demo_bags.load import load_new
from adgps_bringup.description import NodeDescription, Stack
from adgps_bringup.domain import free_domain
from adgps_bringup.options import STORAGES, StackOptions
from adgps_bringup.processes import check_executables, environment
from adgps_bringup.progress import plain_line
from adgps_bringup.real_robots import read_robots
from adgps_bringup.resources import hyper_parameters, real_parameters
from adgps_bringup.ros_node import watch_diagnostics
from adgps_bringup.run_folder import (
    FIXED,
    check_new,
    check_writable,
    keep_parameter_files,
    locked,
    resume_options,
    write_config,
    write_domain,
)
from adgps_bringup.stack import describe_stack
from adgps_bringup.supervisor import RespawnLimit, tether_command
from adgps_bringup.training_state import TrainingState
from adgps_bringup.vision import keep_vision

_LOG = "adgps"

# Locks of the run's folder and of its ROS domain. Launch tells nobody when its last process has
# ended, so they are held until launch itself has.
_held = ExitStack()
atexit.register(_held.close)


def launch_training(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Validate the launch arguments, make the run's folder, and say what is to be started.

    Raises
    ------
    ValueError, FileNotFoundError
        With one line if the arguments, the folder or the installation cannot be used.
    """
    return _launch(choose(context.launch_configurations), context)


def launch_real(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Do the same with real robots; raises what launch_training does."""
    return _launch(choose_real(context.launch_configurations), context)


def _launch(options: StackOptions, context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Make the run's folder, and say what is to be started on this machine."""
    stack = describe_stack(options)
    check_executables(stack.nodes)
    assert stack.options.run is not None
    keep_demonstrations = load_new(options, get_logger(_LOG).info)
    keep_eyes = keep_vision(options)
    _held.enter_context(locked(stack.options.run))
    keep_demonstrations()
    keep_eyes()
    stack = describe_stack(keep_parameter_files(stack.options))
    write_config(stack)
    run = stack.options.run
    assert run is not None
    get_logger(_LOG).info(f"run folder {run}")
    return [
        *(SetEnvironmentVariable(*variable) for variable in environment().items()),
        *_own_domain(context, stack),
        *(launch_node(node, context) for node in stack.nodes),
        OpaqueFunction(function=_report, args=[stack]),
    ]


def choose(arguments: Mapping[str, str], *, go_on: bool = True) -> StackOptions:
    """Choices of the run from launch arguments; ValueError with one line if they cannot be."""
    unfreeze = arguments["unfreeze"] == "true"
    run = arguments["run"] or f"runs/{arguments['task']}-{datetime.now():%Y%m%d-%H%M%S}"
    options = StackOptions(
        task=arguments["task"],
        robots=_whole(arguments, "robots"),
        method=arguments["method"],
        optimizer=arguments["optimizer"],
        mode=arguments["mode"],
        seed=_whole(arguments, "seed"),
        real_time_factor=_real(arguments, "real_time_factor"),
        run=Path(run).expanduser().absolute(),
        iterations=_whole(arguments, "iterations") if arguments["iterations"] else None,
        global_workers=_whole(arguments, "global_workers") if arguments["global_workers"] else None,
        record=arguments.get("record", ""),
        storage=arguments.get("storage", STORAGES[0]),
        demo=find_or_name(demo) if (demo := _path(arguments, "demo")) else None,
        vision=_path(arguments, "vision"),
        unfreeze=unfreeze,
        parameter_files=hyper_parameters(
            arguments["task"], arguments["method"], arguments["optimizer"], unfreeze
        ),
    )
    return _go_on(options) if go_on else options


def choose_real(arguments: Mapping[str, str]) -> StackOptions:
    """Choices of a run with real robots; ValueError with one line if they cannot be."""
    if not arguments["robots_file"]:
        raise ValueError("robots_file is needed: a list of the robots, see config/real/robots.yaml")
    robots_file = Path(arguments["robots_file"]).expanduser().absolute()
    simulated = {"robots": str(len(read_robots(robots_file))), "real_time_factor": "1"}
    options = choose({**arguments, **simulated, "global_workers": ""}, go_on=False)
    return _go_on(
        replace(
            options,
            robots_file=robots_file,
            role=arguments["role"],
            host=arguments["host"],
            parameter_files=(real_parameters(), *options.parameter_files),
        )
    )


def _go_on(options: StackOptions) -> StackOptions:
    """Go on with the run in the folder, if there is one, with its parameter files."""
    assert options.run is not None
    if not options.run.is_dir() or not any(options.run.iterdir()):
        check_new(options.run)
        return options
    check_writable(options.run)
    chosen = {name: getattr(options, name) for name in FIXED}
    for name in ("demo", "vision", "unfreeze"):
        if not chosen[name]:
            del chosen[name]  # it is in the run's folder
    saved = resume_options(options.run, chosen)
    return replace(
        options,
        parameter_files=saved.parameter_files,
        demo=saved.demo,
        vision=saved.vision,
        unfreeze=saved.unfreeze,
    )


def _path(arguments: Mapping[str, str], name: str) -> Path | None:
    """Read an argument that is a path; None if it is not given."""
    given = arguments.get(name)
    return Path(given).expanduser().absolute() if given else None


def _whole(arguments: Mapping[str, str], name: str) -> int:
    """Read an argument that is a whole number."""
    try:
        return int(arguments[name])
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {arguments[name]!r}") from None


def _real(arguments: Mapping[str, str], name: str) -> float:
    """Read an argument that is a number."""
    try:
        return float(arguments[name])
    except ValueError:
        raise ValueError(f"{name} must be a number, not {arguments[name]!r}") from None


def _own_domain(context: LaunchContext, stack: Stack) -> Iterable[LaunchDescriptionEntity]:
    """Choose a free ROS domain, so that two runs never mix, unless the user has chosen one.

    Real robots are where their drivers are, in the domain of the terminal.
    """
    run = stack.options.run
    assert run is not None
    domain_id = context.environment.get("ROS_DOMAIN_ID") or ("0" if stack.options.real else "")
    if domain_id:
        write_domain(run, int(domain_id))
        get_logger(_LOG).info(f"ROS_DOMAIN_ID={domain_id}")
        return
    domain_id = str(_held.enter_context(free_domain()))
    write_domain(run, int(domain_id))
    get_logger(_LOG).info(f"for other terminals: export ROS_DOMAIN_ID={domain_id}")
    yield SetEnvironmentVariable("ROS_DOMAIN_ID", domain_id)


def launch_node(node: NodeDescription, context: LaunchContext) -> Node:
    """Action that starts a node; launch stops and fails when a required one ends for good."""
    limit = RespawnLimit()
    deaths: deque[float] = deque()

    def on_exit(event: ProcessExited, context: LaunchContext) -> None:
        # Launch calls this after every exit, and itself ends with status 0 whatever its processes
        # ended with; only an exception makes it fail, and that also calls a restart off.
        now = time.monotonic()
        deaths.append(now)
        while deaths[0] < now - limit.window:
            deaths.popleft()
        if context.is_shutdown or not node.required:
            return
        if not node.respawn or len(deaths) > limit.restarts:
            often = f", {len(deaths)} times in {limit.window:g} s" if node.respawn else ""
            raise RuntimeError(f"{node.name} ended with status {event.returncode}{often}")

    return Node(
        package=node.package,
        executable=node.executable,
        name=node.nodes[0] if len(node.nodes) == 1 else None,
        namespace=node.namespace,
        exec_name=node.name,
        parameters=[*map(str, node.parameter_files), _plain(node)],
        remappings=list(node.remappings),
        prefix=_prefix(node, context),
        respawn=node.respawn,
        respawn_delay=limit.pause,
        respawn_max_retries=-1 if node.required else limit.restarts,
        output="screen",
        on_exit=on_exit,
    )


def _prefix(node: NodeDescription, context: LaunchContext) -> str:
    """Tie the process to launch, which leaves its processes behind when it is killed.

    A prefix of one's own takes the place of the user's --launch-prefix, so that is added to it.
    """
    tie = shlex.join(tether_command(node.farewell, node.nice))
    chosen = context.launch_configurations.get("launch-prefix", "")
    pattern = context.launch_configurations.get("launch-prefix-filter", "")
    return f"{tie} {chosen}" if re.match(pattern, node.executable) else tie


def _plain(node: NodeDescription) -> dict[str, bool | int | float | str | list[Any]]:
    """Parameters of a node with sequences as the lists that launch_ros knows."""
    return {
        key: value if isinstance(value, bool | int | float | str) else list(value)
        for key, value in node.parameters.items()
    }


def _report(context: LaunchContext, stack: Stack) -> None:
    """Log a line for every iteration of a robot, and one when training is finished."""
    log, began = get_logger(_LOG), time.monotonic()
    robots = tuple(robot.strip("/") for robot in stack.robots)
    state = TrainingState(robots, stack.options.practised)
    logged: dict[str, tuple[int, bool]] = {}
    told = False

    def heard(name: str, values: dict[str, str]) -> None:
        nonlocal told
        now = time.monotonic() - began
        state.update(name, values, now)
        for robot, worker in state.workers.items():
            reached = int(worker.iteration), worker.finished
            if logged.get(robot, (reached[0], False)) != reached:
                log.info(plain_line(state, robot, now).strip())
            logged[robot] = reached
        if state.finished and not told:
            log.info(
                "training is finished; the trained policy is served until Ctrl-C; to evaluate it:"
                f" ros2 run adgps_bringup adgps evaluate {stack.options.run}"
            )
        told = state.finished

    watch_diagnostics(get_ros_node(context), heard)
