"""Real robots: what a file of them may say, and which nodes run where because of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from adgps_bringup.options import StackOptions
from adgps_bringup.parameter_files import check_files
from adgps_bringup.real_robots import RobotsFileError, read_robots, write_robots
from adgps_bringup.resources import hyper_parameters, launch_folder, real_parameters
from adgps_bringup.run_folder import keep_parameter_files, read_options, write_config
from adgps_bringup.stack import describe_stack
from adgps_bringup.stack_robots import describe_robots

ROBOT = {
    "namespace": "/left",
    "urdf": "arm.urdf",
    "joint_states": "/arm_l/joint_states",
    "commands": "/arm_l/commands",
    "host": "one",
}
OTHER = {
    "namespace": "/lab/right",
    "urdf": "arm.urdf",
    "joint_states": "/arm_r/joint_states",
    "commands": "/arm_r/commands",
    "joint_names": ["a", "b"],
    "command_joint_names": ["b", "a"],
    "confirm": False,
    "host": "two",
    "camera": {"source": "/dev/video0"},
    "imu": {"port": "/dev/ttyACM0", "baud": 115200},
}


def write(folder: Path, *entries: object) -> Path:
    (folder / "arm.urdf").write_text("<robot/>")
    path = folder / "robots.yaml"
    path.write_text(yaml.safe_dump({"robots": list(entries)}))
    return path


def options(folder: Path, **changes: object) -> StackOptions:
    chosen = StackOptions(
        robots=2,
        robots_file=write(folder, ROBOT, OTHER),
        real_time_factor=1.0,
        run=folder / "run",
        parameter_files=(real_parameters(), *hyper_parameters("reach", "badmm", "lqr")),
    )
    return replace(chosen, **changes)


def test_a_file_says_what_it_must_and_the_rest_has_defaults(tmp_path: Path) -> None:
    left, right = read_robots(write(tmp_path, ROBOT, OTHER))
    assert left.namespace == "/left" and left.confirm
    assert left.urdf == str(tmp_path / "arm.urdf")  # beside the file
    assert left.output_joint_names == left.joint_names
    assert right.output_joint_names == ("b", "a")
    assert right.imu == {"port": "/dev/ttyACM0", "baud": 115200}
    copy = tmp_path / "elsewhere" / "robots.yaml"
    copy.parent.mkdir()
    write_robots((left, right), copy)
    assert read_robots(copy) == (left, right)


def test_the_example_is_sound(tmp_path: Path) -> None:
    (tmp_path / "panda.urdf").write_text("<robot/>")
    text = (launch_folder() / "config" / "real" / "robots.yaml").read_text()
    path = tmp_path / "robots.yaml"
    path.write_text(text)
    assert [robot.namespace for robot in read_robots(path)] == ["/robot_1", "/robot_2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"namespace": "left"}, "namespace 'left' is none"),
        ({"urdf": "no.urdf"}, "no URDF at"),
        ({"commands": "a topic"}, "'a topic' is no topic"),
        ({"comands": "/c"}, "unknown key 'comands', known: namespace"),
        ({"confirm": 1}, "confirm must be true or false, not 1"),
        ({"joint_names": "a"}, "must be a list of names"),
        ({"command_joint_names": ["a"]}, "must be joint_names, in any order"),
        ({"command_type": "x"}, "command_type must be"),
        ({"imu": "x"}, "imu must be parameters of its driver, not 'x'"),
    ],
)
def test_wrong_files_are_refused_in_one_line(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    path = write(tmp_path, {**ROBOT, **changes})
    with pytest.raises(RobotsFileError) as caught:
        read_robots(path)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: robots[0]: ")


def test_files_that_list_no_robots_are_refused(tmp_path: Path) -> None:
    missing = {key: value for key, value in ROBOT.items() if key != "commands"}
    for entries, said in (
        ((), "with 1 to 8 entries"),
        ((missing,), "commands missing"),
        ((7,), "expected namespace"),
        ((ROBOT, {**OTHER, "commands": ROBOT["commands"]}), "two robots have the same commands"),
    ):
        with pytest.raises(RobotsFileError, match=said):
            read_robots(write(tmp_path, *entries))
    with pytest.raises(RobotsFileError, match="cannot read"):
        read_robots(tmp_path / "nothing.yaml")


def test_each_robot_has_its_gate_and_the_gates_come_first(tmp_path: Path) -> None:
    """And the devices that the file names; the topics of its arm's driver are its own."""
    nodes = describe_robots(options(tmp_path))
    assert [node.name for node in nodes] == [
        "left/torque_gate",
        "lab/right/torque_gate",
        "left/torque_controller",
        "left/reset_server",
        "lab/right/torque_controller",
        "lab/right/reset_server",
        "lab/right/camera_driver",
        "lab/right/imu_driver",
    ]
    right = nodes[1]
    assert right.farewell and not any(node.farewell for node in nodes[2:])
    assert right.parameters["output_topic"] == "/arm_r/commands"
    assert right.parameters["output_joint_names"] == ("b", "a")
    assert all(("joint_states", "/arm_r/joint_states") in node.remappings for node in nodes[4:])
    assert nodes[7].parameters == OTHER["imu"]
    assert nodes[4].parameters["lock_step"] is False
    assert [nodes[i].parameters["imu"] for i in (2, 4)] == [False, True]
    assert not any("use_sim_time" in node.parameters for node in nodes)


def test_workers_know_nothing_of_the_arms(tmp_path: Path) -> None:
    stack = describe_stack(options(tmp_path))
    assert stack.robots == ("/left", "/lab/right")
    for node in stack.of("local_worker", "global_worker", "param_server"):
        assert "arm_" not in f"{node.parameters}{node.remappings}"
    check_files(stack.nodes)
    left, right = stack.of("local_worker")
    assert left.parameters["reset_timeout"] > 3600.0  # somebody confirms
    assert right.parameters["reset_timeout"] < 120.0


@pytest.mark.parametrize(
    ("role", "host", "names"),
    [
        ("server", "", {"param_server"}),
        ("workers", "one", {"left/local_worker", "left/global_worker"}),
        ("robot", "one", {"left/torque_gate", "left/torque_controller", "left/reset_server"}),
        ("server,workers", "three", {"param_server"}),
    ],
)
def test_a_machine_runs_its_part(tmp_path: Path, role: str, host: str, names: set[str]) -> None:
    stack = describe_stack(options(tmp_path, role=role, host=host))
    assert {node.name for node in stack.nodes} == names
    assert stack.robots == ("/left", "/lab/right")  # all of them, wherever
    everything = describe_stack(options(tmp_path))
    assert not everything.elsewhere
    assert sorted((*stack.nodes, *stack.elsewhere), key=str) == sorted(everything.nodes, key=str)


def test_the_parts_of_all_machines_are_the_whole(tmp_path: Path) -> None:
    """Each node on exactly one of them."""
    parts = [("server", "three"), ("robot,workers", "one"), ("robot,workers", "two")]
    nodes = [
        node
        for role, host in parts
        for node in describe_stack(options(tmp_path, role=role, host=host)).nodes
    ]
    assert sorted(nodes, key=str) == sorted(describe_stack(options(tmp_path)).nodes, key=str)


def test_more_processes_than_one_machine_takes_are_refused(tmp_path: Path) -> None:
    entries = [
        {**ROBOT, "namespace": f"/r{i}", "joint_states": f"/a{i}/s", "commands": f"/a{i}/c"}
        for i in range(6)
    ]
    chosen = replace(options(tmp_path), robots=6, robots_file=write(tmp_path, *entries))
    with pytest.raises(ValueError, match="share the robots out with host and role"):
        describe_stack(chosen)
    describe_stack(replace(chosen, role="robot"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"role": "cook"}, "unknown role 'cook'"),
        ({"role": "robot,"}, "unknown role ''"),
        ({"host": "one", "global_workers": 1}, "global worker of its own"),
        ({"robots_file": None, "role": "robot"}, "role and host are for real robots"),
    ],
)
def test_wrong_choices_are_refused(tmp_path: Path, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        options(tmp_path, **wrong)


def test_a_run_keeps_its_robots(tmp_path: Path) -> None:
    """Moving or changing the file later changes no run."""
    chosen = options(tmp_path)
    assert chosen.run is not None
    chosen.run.mkdir()
    kept = keep_parameter_files(chosen)
    write_config(describe_stack(kept))
    assert chosen.robots_file is not None
    chosen.robots_file.unlink()
    again = read_options(chosen.run)
    assert again == kept and describe_robots(again) == describe_robots(kept)
    assert keep_parameter_files(again) == again
