"""Launch files: their arguments, and that they start what the stack description says."""

from __future__ import annotations

import ast
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from adgps_bringup import parameter_files
from adgps_bringup.checkups.messages import BUFFER
from adgps_bringup.description import NodeDescription
from adgps_bringup.options import StackOptions
from adgps_bringup.processes import environment
from adgps_bringup.resources import (
    executable,
    hyper_parameters,
    launch_folder,
    real_parameters,
)
from adgps_bringup.stack import describe_stack
from adgps_bringup.supervisor import RespawnLimit

SIM = launch_folder() / "sim.launch.py"
REAL = launch_folder() / "real.launch.py"

ARGUMENTS = {
    "task",
    "robots",
    "method",
    "optimizer",
    "mode",
    "seed",
    "real_time_factor",
    "run",
    "iterations",
    "global_workers",
    "demo",
    "vision",
    "unfreeze",
    "record",
    "storage",
}

SIMULATED = {"robots", "real_time_factor", "global_workers"}

CHOICES = [
    {"robots": "2"},
    {"robots": "3", "global_workers": "1", "mode": "sync", "iterations": "7", "seed": "5"},
    {"robots": "1", "global_workers": "2", "real_time_factor": "1"},
]


def declared(path: Path = SIM) -> dict[str, dict[str, Any]]:
    """Keywords of every DeclareLaunchArgument whose value is a literal, read without launch."""
    found: dict[str, dict[str, Any]] = {}
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "DeclareLaunchArgument":
            name = ast.literal_eval(call.args[0])
            assert name not in found
            found[name] = {
                keyword.arg: keyword.value.value
                for keyword in call.keywords
                if keyword.arg and isinstance(keyword.value, ast.Constant)
            }
    return found


def test_the_launch_file_is_installed_with_its_configuration() -> None:
    assert "share/adgps_bringup/launch" in SIM.as_posix()
    assert SIM.is_file()


@pytest.mark.parametrize(
    ("chosen", "profiles"),
    [("", "fastdds_localhost.xml"), ("SUBNET", "fastdds.xml")],
)
def test_nodes_look_as_far_for_each_other_as_the_user_says(
    chosen: str, profiles: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    if chosen:
        monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", chosen)
    found = environment()
    assert found.get("ROS_AUTOMATIC_DISCOVERY_RANGE", chosen) == (chosen or "SYSTEM_DEFAULT")
    file = Path(found["FASTRTPS_DEFAULT_PROFILES_FILE"])
    assert file.name == profiles
    assert f"<receiveBufferSize>{BUFFER}</receiveBufferSize>" in file.read_text()  # the doctor's


def test_every_argument_has_a_description() -> None:
    real = (ARGUMENTS - SIMULATED) | {"robots_file", "role", "host"}
    for path, expected in ((SIM, ARGUMENTS), (REAL, real)):
        arguments = declared(path)
        assert set(arguments) == expected
        for name, keywords in arguments.items():
            assert re.match(r"\w.{8,}", keywords["description"]), name


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("record", {"run", "topics", "all", "storage", "output"}),
        ("replay", {"bag", "topics", "rate", "loop", "paused", "allow_commands"}),
    ],
)
def test_arguments_of_the_other_launch_files(name: str, arguments: set[str]) -> None:
    found = declared(SIM.parent / f"{name}.launch.py")
    assert set(found) == arguments
    for keywords in found.values():
        assert re.match(r"\w.{8,}", keywords["description"])


def test_defaults_are_those_of_the_command_line() -> None:
    options = StackOptions()
    for name, keywords in {**declared(), **declared(REAL)}.items():
        value = getattr(options, name)
        default = keywords["default_value"]
        if isinstance(value, bool):
            assert default == str(value).lower(), name
            continue
        assert (default == "") if value is None else (type(value)(default) == value), name


@pytest.fixture(params=CHOICES, ids=str)
def launched(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Launched:
    # Not "launch": in the root of the repository, the folder of that name would do for it.
    pytest.importorskip("launch_ros", reason="ROS has no launch_ros here (PyPI has no wheel of it)")
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return Launched({**request.param, "run": str(tmp_path / "run")}, monkeypatch)


class Launched:
    """What the launch file would start, with the launch arguments put in."""

    def __init__(self, arguments: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        from launch import LaunchContext
        from launch.actions import (
            DeclareLaunchArgument,
            ExecuteLocal,
            OpaqueFunction,
            SetEnvironmentVariable,
        )
        from launch.launch_description_sources import PythonLaunchDescriptionSource
        from launch_ros.actions import Node

        self.context = LaunchContext()
        self.context.launch_configurations.update(arguments)
        self.actions: list[Any] = []
        before = environment()
        entities = PythonLaunchDescriptionSource(str(SIM)).get_launch_description(self.context)
        for entity in entities.entities:
            if isinstance(entity, DeclareLaunchArgument):
                entity.execute(self.context)
            else:
                assert isinstance(entity, OpaqueFunction)
                for action in entity.execute(self.context) or ():
                    if isinstance(action, Node):
                        with monkeypatch.context() as patch:
                            # All of executing it but the start of the process.
                            patch.setattr(ExecuteLocal, "execute", ExecuteLocal.prepare)
                            action.execute(self.context)
                        self.actions.append(action)
                    elif isinstance(action, SetEnvironmentVariable):
                        action.execute(self.context)
        self.environment = {key: self.context.environment.get(key, "") for key in before}
        run = Path(arguments["run"])
        self.stack = describe_stack(
            StackOptions(
                robots=int(arguments["robots"]),
                mode=arguments.get("mode", "async"),
                seed=int(arguments.get("seed", "0")),
                real_time_factor=float(arguments.get("real_time_factor", "0")),
                iterations=int(arguments["iterations"]) if "iterations" in arguments else None,
                global_workers=(
                    int(arguments["global_workers"]) if "global_workers" in arguments else None
                ),
                run=run,
                parameter_files=(run / "config" / "0_reach.yaml",),
            )
        )
        self.expected_environment = before


def split(action: Any) -> tuple[list[str], str, dict[str, list[str]]]:
    """Command of a launch_ros action: its prefix, its program, and the values of each flag."""
    command = [part for part in action.process_details["cmd"] if part]
    program = next(i for i, part in enumerate(command) if "/lib/adgps_" in part and i > 3)
    flags: dict[str, list[str]] = {}
    rest = command[program + 1 :]
    assert rest.pop(0) == "--ros-args"
    for flag, value in zip(rest[::2], rest[1::2], strict=True):
        flags.setdefault(flag, []).append(value)
    return command[:program], command[program], flags


def readable(path: str, folder: Path) -> Path:
    """Copy of a parameter file of launch_ros with plain lists: it marks them as Python's tuples."""
    copy = folder / Path(path).name
    copy.write_text(Path(path).read_text(encoding="utf-8").replace("!!python/tuple", ""))
    return copy


def pairs(launched: Launched) -> list[tuple[Any, NodeDescription]]:
    return list(zip(launched.actions, launched.stack.nodes, strict=True))


def test_launch_starts_the_executables_of_the_stack_in_its_order(launched: Launched) -> None:
    for action, node in pairs(launched):
        _, program, _ = split(action)
        assert Path(program) == executable(node.package, node.executable)


def test_names_namespaces_and_remappings_are_those_of_the_stack(launched: Launched) -> None:
    for action, node in pairs(launched):
        _, _, flags = split(action)
        names = [f"__node:={node.nodes[0]}"] if len(node.nodes) == 1 else []
        rules = [f"{old}:={new}" for old, new in node.remappings]
        assert sorted(flags["-r"]) == sorted([*names, f"__ns:={node.namespace}", *rules])


def test_nodes_get_the_parameters_of_the_stack(launched: Launched, tmp_path: Path) -> None:
    for action, node in pairs(launched):
        _, _, flags = split(action)
        first, second = flags["--params-file"]
        assert Path(first) == node.parameter_files[0]
        passed = replace(
            node,
            parameters={},
            parameter_files=(Path(first), readable(second, tmp_path)),
        )
        assert parameter_files.resolve(passed) == parameter_files.resolve(node)


def test_the_hyper_parameters_are_the_tasks(launched: Launched) -> None:
    kept = launched.stack.options.parameter_files[0]
    assert kept.read_text() == hyper_parameters("reach", "badmm", "lqr")[0].read_text()


def test_the_environment_is_that_of_the_supervisor(launched: Launched) -> None:
    assert "OMP_NUM_THREADS" in launched.expected_environment
    assert launched.environment == launched.expected_environment
    for action, _ in pairs(launched):
        assert action.process_details["env"]["ROS_DOMAIN_ID"] == "42"
        assert action.process_details["env"]["OMP_NUM_THREADS"] == "1"


def test_processes_are_started_again_as_the_stack_says(launched: Launched) -> None:
    for action, node in pairs(launched):
        assert action._ExecuteLocal__respawn is node.respawn
        assert action._ExecuteLocal__respawn_delay == RespawnLimit().pause


def test_processes_are_tied_to_launch(launched: Launched) -> None:
    for action, node in pairs(launched):
        prefix, _, _ = split(action)
        assert any(part.endswith("tether.py") for part in prefix)
        assert prefix[-1] == str(os.getpid())
        assert ("--nice" in prefix) == (node.nice > 0)


def test_the_run_can_be_evaluated(launched: Launched) -> None:
    from adgps_bringup.run_folder import read_options

    run = launched.stack.options.run
    assert run is not None
    assert read_options(run) == launched.stack.options
    nodes = yaml.safe_load((run / "config.yaml").read_text())["nodes"]
    assert nodes["/param_server"]["seed"] == launched.stack.options.seed


@pytest.fixture
def context() -> Any:
    pytest.importorskip("launch_ros", reason="ROS has no launch_ros here (PyPI has no wheel of it)")
    from launch import LaunchContext

    return LaunchContext()


def on_exit(node: NodeDescription, context: Any) -> Any:
    """What launch calls when the process of a node has ended."""
    from adgps_bringup.launching import launch_node

    action = launch_node(node, context)
    return action._ExecuteLocal__on_exit


class Exited:
    returncode = 7


SERVER = describe_stack(StackOptions(run=Path("/r"))).nodes[0]


def test_launch_fails_when_a_node_has_been_started_too_often(context: Any) -> None:
    ended = on_exit(SERVER, context)
    for _ in range(RespawnLimit().restarts):
        ended(Exited(), context)
    with pytest.raises(RuntimeError, match="param_server ended with status 7, 6 times in 60 s"):
        ended(Exited(), context)


def test_launch_fails_at_once_when_a_node_is_not_started_again(context: Any) -> None:
    ended = on_exit(replace(SERVER, respawn=False), context)
    with pytest.raises(RuntimeError, match=r"param_server ended with status 7$"):
        ended(Exited(), context)


def test_deaths_long_ago_are_forgotten(context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("adgps_bringup.launching.time.monotonic", lambda: now)
    ended = on_exit(SERVER, context)
    for _ in range(20):
        now += RespawnLimit().window / RespawnLimit().restarts + 1.0
        ended(Exited(), context)


def test_the_end_of_a_node_while_launch_stops_is_no_failure(context: Any) -> None:
    context._set_is_shutdown(True)
    ended = on_exit(replace(SERVER, respawn=False), context)
    ended(Exited(), context)


def test_a_prefix_of_the_user_is_kept_and_filtered(context: Any) -> None:
    from adgps_bringup.launching import _prefix

    context.launch_configurations["launch-prefix"] = "nice -n 5"
    context.launch_configurations["launch-prefix-filter"] = "param_.*"
    assert shlex.split(_prefix(SERVER, context))[-3:] == ["nice", "-n", "5"]
    other = replace(SERVER, executable="local_worker")
    assert shlex.split(_prefix(other, context))[-1] == str(os.getpid())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"robots": "abc"}, "robots must be a whole number, not 'abc'"),
        ({"seed": "1.5"}, "seed must be a whole number"),
        ({"iterations": "x"}, "iterations must be a whole number"),
        ({"real_time_factor": "x"}, "real_time_factor must be a number"),
        ({"robots": "99"}, "robots must be between 1 and 8, not 99"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(
    context: Any, tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    from adgps_bringup.launching import choose

    given = {name: keywords["default_value"] for name, keywords in declared().items()}
    with pytest.raises(ValueError, match=said) as caught:
        choose({**given, "run": str(tmp_path), **wrong})
    assert "\n" not in str(caught.value)


def test_a_run_goes_on_only_with_what_it_was_started_with(context: Any, tmp_path: Path) -> None:
    from adgps_bringup.launching import choose, launch_training

    given = {name: keywords["default_value"] for name, keywords in declared().items()}
    given["run"] = str(tmp_path)
    context.launch_configurations.update(given)
    launch_training(context)
    again = choose({**given, "robots": "2"})
    assert again.robots == 2
    assert again.parameter_files == (tmp_path / "config" / "0_reach.yaml",)
    with pytest.raises(ValueError, match="was started with seed 0, not 1"):
        choose({**given, "seed": "1"})


def test_real_robots_come_from_their_file(context: Any, tmp_path: Path) -> None:
    """And a gate is asked to end when launch is killed: it has a last word."""
    from adgps_bringup.launching import _prefix, choose_real

    given = {name: keywords["default_value"] for name, keywords in declared(REAL).items()}
    given["run"] = str(tmp_path / "run")
    with pytest.raises(ValueError, match="robots_file is needed"):
        choose_real(given)
    (tmp_path / "arm.urdf").write_text("<robot/>")
    robots = tmp_path / "robots.yaml"
    robots.write_text(
        "robots: [{namespace: /left, urdf: arm.urdf, joint_states: /a/s, commands: /a/c}]"
    )
    options = choose_real({**given, "robots_file": str(robots), "role": "robot"})
    assert (options.robots, options.robots_file, options.role) == (1, robots, "robot")
    assert options.parameter_files == (
        real_parameters(),
        *hyper_parameters("reach", "badmm", "lqr"),
    )
    gate, controller, _ = describe_stack(options).nodes
    assert "--farewell" in _prefix(gate, context)
    assert "--farewell" not in _prefix(controller, context)
