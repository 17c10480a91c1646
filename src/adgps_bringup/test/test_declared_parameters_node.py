"""Parameters that no node has, or that have the wrong type or size, are named at once."""

import re
from pathlib import Path

import pytest

rclpy = pytest.importorskip("rclpy")

from adgps_bringup.declared_parameters import check_values, declared  # noqa: E402
from adgps_bringup.description import Stack  # noqa: E402
from adgps_bringup.options import StackOptions  # noqa: E402
from adgps_bringup.parameter_files import ParameterFileError  # noqa: E402
from adgps_bringup.resources import hyper_parameters, launch_folder, real_parameters  # noqa: E402
from adgps_bringup.stack import describe_stack  # noqa: E402
from adgps_bringup.stack_bags import describe_player  # noqa: E402

STACK = describe_stack(StackOptions(run=Path("/r"), iterations=3, record="all"))
HERE = {"bag_player", "recorder", "trajectory_player"}


def real_stack(folder: Path) -> Stack:
    """The same with a real robot."""
    (folder / "arm.urdf").write_text("<robot/>")
    robots = folder / "robots.yaml"
    robots.write_text(
        "robots: [{namespace: /robot_1, urdf: arm.urdf, joint_states: /a/s, commands: /a/c}]"
    )
    return describe_stack(StackOptions(run=Path("/r"), robots=1, robots_file=robots))


def write(folder: Path, node: str, text: str) -> Path:
    path = folder / "a.yaml"
    path.write_text(f"{node}: {{ros__parameters: {{{text}}}}}")
    return path


def test_the_project_s_own_files_are_sound() -> None:
    files = sorted((launch_folder() / "config").glob("*.yaml"))
    assert set(hyper_parameters("reach", "badmm", "lqr")) <= set(files)
    check_values(STACK.nodes, files)


def test_so_is_what_real_arms_get_first(tmp_path: Path) -> None:
    check_values(real_stack(tmp_path).nodes, [real_parameters()])


def test_what_the_description_sets_is_declared_by_a_node_of_the_process(tmp_path: Path) -> None:
    for process in (*STACK.nodes, *real_stack(tmp_path).nodes):
        known = set[str]().union(*(declared(node) for node in process.nodes))
        assert set(process.parameters) <= known | {"use_sim_time"}, process.name


def test_players_declare_what_descriptions_set() -> None:
    settings = {"topics": ".*", "rate": 1.0, "loop": False, "paused": False}
    player = describe_player(Path("/b"), **settings, allow_commands=False)
    assert set(player.parameters) == set(declared("bag_player"))


def test_the_page_of_bags_names_every_parameter_of_the_nodes_of_this_package() -> None:
    text = (Path(__file__).parents[1] / "doc" / "bags.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)/([a-z_]+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted((node, name) for node in HERE for name in declared(node))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ("/param_server", "hidden: [8, 8], learning_rate: 1e-4, use_sim_time: false"),
        ("/**/local_worker", "samples: 2, kl_step: 0.5, patience: 0.0"),
        ("/robot_1/local_worker", "initial_noise: [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]"),
        ("/**/torque_controller", "limits: {enabled: false}, state_timeout: 3.0"),
        ("/**/sim_robot", "joint_damping: 2.0"),
        ("/**", "task: reach, seed: 3, batch_size: 8"),
    ],
)
def test_sound_values_pass(tmp_path: Path, node: str, text: str) -> None:
    check_values(STACK.nodes, [write(tmp_path, node, text)])


@pytest.mark.parametrize(
    ("node", "text", "said"),
    [
        ("/**/local_worker", "sampels: 3", "has no parameter sampels, did you mean samples?"),
        ("/**/local_worker", "batch_size: 3", "/**/local_worker has no parameter batch_size"),
        ("/**", "nonsense: 3", "/** has no parameter nonsense"),
        ("/**/local_worker", "samples: five", "must be a whole number, not 'five'"),
        ("/**/local_worker", "samples: 2.0", "must be a whole number, not 2.0"),
        ("/**/local_worker", "samples: true", "must be a whole number, not True"),
        ("/**/local_worker", "samples: 1", "must be from 2 to 1000, not 1"),
        ("/**/local_worker", "kl_step: 1", "must be a number with a decimal point, not 1"),
        ("/**/local_worker", "initial_noise: 1.0", "must be a list, each item a number"),
        ("/param_server", "hidden: 8", "hidden of param_server must be a list"),
        ("/param_server", "hidden: [8.0]", "each item a whole number, not [8.0]"),
        ("/param_server", "hidden: [0]", "must be from 1 to 10000, not [0]"),
        ("/param_server", "learning_rate: -1e-3", "must be from 0 to 1000, not -0.001"),
        ("/param_server", "learning_rate: .nan", "must be from 0 to 1000, not nan"),
        ("/**/torque_controller", "limits: {enabled: 1}", "must be true or false, not 1"),
        ("/**/global_worker", "mode: 3", "must be text, not 3"),
        ("/**", "seed: a", "must be a whole number, not 'a'"),
    ],
)
def test_others_are_refused_in_one_line(tmp_path: Path, node: str, text: str, said: str) -> None:
    path = write(tmp_path, node, text)
    with pytest.raises(ParameterFileError) as caught:
        check_values(STACK.nodes, [path])
    message = str(caught.value)
    assert said in message and message.startswith(f"{path}: ") and "\n" not in message
