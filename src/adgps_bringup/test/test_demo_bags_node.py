"""Demonstrations come out of a bag as they went in; what cannot be followed is said in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from demo_bag_samples import announcement, messages, topic, write_bag  # noqa: E402
from demo_samples import INSTANCE, TASK, Way, record  # noqa: E402

from adgps_bringup.bags.storage import Message  # noqa: E402
from adgps_bringup.bags.topic import BagError, Topic  # noqa: E402
from adgps_bringup.bags.writer import BagWriter  # noqa: E402
from adgps_bringup.cli import main  # noqa: E402
from adgps_bringup.demo_bags.load import arm_of, load, load_new  # noqa: E402
from adgps_bringup.options import StackOptions  # noqa: E402
from adgps_core.checkpoints import read_checkpoint  # noqa: E402
from adgps_core.demonstration import Demonstration, load_demonstrations  # noqa: E402
from adgps_core.tasks import Instance, make_task  # noqa: E402
from adgps_core.typing import Array  # noqa: E402

QUICK = Way(begin=0.4, duration=1.0)
TRAINING = TASK.instances("training")


def _still(times: Array) -> Array:
    """Readings of an IMU that lies there."""
    return np.tile([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.81], (len(times), 1))


def quick(instance: Instance = INSTANCE, **changes: Any) -> Any:
    """A recording of a short motion."""
    return record(QUICK, **{"rate": 50.0, "until": 2.0, "instance": instance, **changes})


def loaded(
    path: Path, options: StackOptions | None = None
) -> tuple[tuple[Demonstration, ...], list[str]]:
    """What a bag holds, and what was said."""
    said: list[str] = []
    chosen = options or StackOptions()
    found = load(path, make_task(chosen.task), lambda name: arm_of(chosen, name), said.append)
    return found, said


def write(folder: Path, *content: Message) -> Path:
    """Write a bag of messages."""
    with BagWriter(folder, "mcap") as writer:
        for message in content:
            writer.write(message, flush=False)
    return folder


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_demonstrations_come_out_of_a_bag(tmp_path: Path, storage: str) -> None:
    """Of joints in any order, among others; with the IMU's readings; each of its instance."""
    recordings = [quick(TRAINING[2], imu=_still), quick(TRAINING[0])]
    found, said = loaded(write_bag(tmp_path / "bag", recordings, storage))
    assert [each.instance.id for each in found] == ["training/2", "training/0"]
    for each in found:
        np.testing.assert_allclose(each.joint_angles[0], TASK.start_joint_angles, atol=5e-3)
        end = QUICK.at(np.array([9.0]))[0][0]
        np.testing.assert_allclose(each.joint_angles[-1], end, atol=5e-3)
    np.testing.assert_array_equal(found[0].instance.parameters, TRAINING[2].parameters)
    np.testing.assert_allclose(found[0].measurements["imu"], _still(np.zeros(101)), atol=1e-9)
    assert not found[1].measurements
    (line,) = said
    assert line.endswith("2 demonstrations of reach: training/2 (1.3 s), training/0 (1.3 s)")


def test_several_robots_may_demonstrate_at_once(tmp_path: Path) -> None:
    """What one of them does is not the other's."""
    of_one = messages(quick(TRAINING[1]), "/robot_1")
    other = Way(begin=0.4, duration=1.0, way=-0.5 * QUICK.way)
    of_two = messages(record(other, rate=50.0, until=2.0, instance=TRAINING[4]), "/robot_2")
    both = sorted((*of_one, *of_two), key=lambda message: message.stamp_ns)
    found, _ = loaded(write(tmp_path / "bag", *both))
    ends = {each.instance.id: each.joint_angles[-1] - each.joint_angles[0] for each in found}
    np.testing.assert_allclose(ends["training/1"], QUICK.way, atol=5e-3)
    np.testing.assert_allclose(ends["training/4"], -0.5 * QUICK.way, atol=5e-3)


def test_the_last_demonstration_of_an_instance_counts(tmp_path: Path) -> None:
    """The first one was not good enough, or else nobody would have shown it again."""
    better = replace(QUICK, way=0.5 * QUICK.way)
    again = record(better, rate=50.0, until=2.0)
    (found,), _ = loaded(write_bag(tmp_path / "bag", [quick(), again]))
    np.testing.assert_allclose(
        found.joint_angles[-1] - found.joint_angles[0], better.way, atol=5e-3
    )


def test_what_follows_the_end_of_a_demonstration_is_none_of_it(tmp_path: Path) -> None:
    """The arm is carried back, which would be a longer motion; nor is what went before."""
    nothing = replace(INSTANCE, id="")
    whole = list(messages(quick(), after=10.0))
    before = list(messages(quick()))[1:]
    after = list(messages(record(replace(QUICK, way=-QUICK.way), rate=50.0), after=20.0))[1:]
    bag = write(tmp_path / "bag", *before, *whole, announcement(nothing, at=19.0), *after)
    (found,), _ = loaded(bag)
    expected, _ = loaded(write(tmp_path / "alone", *whole))
    np.testing.assert_array_equal(found.joint_angles, expected[0].joint_angles)


def test_what_cannot_be_used_is_said_and_the_rest_is_used(tmp_path: Path) -> None:
    """A demonstration without motion, one of another task, a broken message."""
    drawer = make_task("drawer").instances("training")[0]
    still = quick(TRAINING[1], until=0.3)
    content = [
        *messages(still),
        *messages(quick(drawer), after=100.0),
        *messages(quick(TRAINING[3]), after=200.0),
    ]
    broken = replace(content[-1], data=b"\0\1")
    found, said = loaded(write(tmp_path / "bag", *content, broken))
    assert [each.instance.id for each in found] == ["training/3"]
    text = "\n".join(said)
    assert "1 messages of /robot_1/joint_states are refused, the first: it is broken" in text
    assert "demonstration of training/1 is left out: nothing moves" in text
    assert "demonstration of training/0 is left out: it is of drawer" in text
    assert len(said) == 4


def _only(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return write(folder, *(m for m in messages(quick()) if m.topic.name.endswith(part)))

    return make


def _of_another_type(folder: Path) -> Path:
    other = Topic(topic("joint_states").name, "std_msgs/msg/String")
    first, *_ = messages(quick())
    return write(folder, first, replace(first, topic=other))


def _of_another_definition(folder: Path) -> Path:
    other = replace(
        topic("demonstrated_instance"), definition="string id", type_hash="RIHS01_" + 64 * "0"
    )
    first, *rest = messages(quick())
    return write(folder, replace(first, topic=other), *rest)


def _of_other_joints(folder: Path) -> Path:
    first, *rest = messages(quick())
    renamed = [replace(m, data=m.data.replace(b"panda_joint3", b"panda_jointX")) for m in rest]
    return write(folder, first, *renamed)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_only("/joint_states"), "holds no demonstrations"),
        (_only("/demonstrated_instance"), "holds no /robot_1/joint_states"),
        (_of_another_type, "/robot_1/joint_states is std_msgs/msg/String, not sensor_msgs"),
        (_of_another_definition, "another definition of adgps_msgs/msg/Instance"),
        (_of_other_joints, "followed: training/0: no joint state in it has panda_joint1"),
        (lambda path: write_bag(path, [quick(until=0.3)]), "followed: .*: nothing moves"),
        (
            lambda path: write_bag(path, [quick(make_task("drawer").instances("training")[0])]),
            "holds demonstrations of drawer, not reach",
        ),
    ],
)
def test_a_bag_without_any_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], reason: str
) -> None:
    """In one line, which names it."""
    with pytest.raises(BagError, match=reason) as refused:
        loaded(make(tmp_path / "bag"))
    assert str(refused.value).startswith(str(tmp_path / "bag"))
    assert "\n" not in str(refused.value)


def test_a_run_keeps_its_demonstrations_and_needs_the_bag_no_more(tmp_path: Path) -> None:
    """They are written once; of a run without any, nothing is."""
    bag, run = write_bag(tmp_path / "bag", [quick()]), tmp_path / "run"
    run.mkdir()
    options = StackOptions(run=run, demo=bag)
    load_new(options, lambda _: None)()
    (kept,) = run.iterdir()
    assert [each.instance.id for each in load_demonstrations(kept)] == ["training/0"]
    before = kept.read_bytes()
    load_new(replace(options, demo=tmp_path / "gone"), pytest.fail)()
    load_new(StackOptions(run=tmp_path), pytest.fail)()
    assert kept.read_bytes() == before and read_checkpoint(kept)
    with pytest.raises(BagError, match="gone does not exist"):
        load_new(StackOptions(run=tmp_path, demo=tmp_path / "gone"), pytest.fail)


def test_the_damping_of_the_simulated_arm_is_in_the_torques(tmp_path: Path) -> None:
    """As the run's own parameter files have it."""
    bag, file = write_bag(tmp_path / "bag", [quick()]), tmp_path / "a.yaml"
    file.write_text("/**/sim_robot: {ros__parameters: {joint_damping: 3.0}}")
    (usual,), _ = loaded(bag)
    (heavy,), _ = loaded(bag, StackOptions(parameter_files=(file,)))
    middle = (usual.joint_velocities[:-1] + usual.joint_velocities[1:]) / 2
    np.testing.assert_allclose(heavy.feedforward - usual.feedforward, 2.0 * middle, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["reach", "--demo", "BAG/nowhere"], "nowhere does not exist"),
        (["reach", "--demo", "BAG", "--method", "mdgps"], "a phase of badmm is needed"),
        (["reach", "--demo", "BAG", "--from-bag", "BAG"], "no demonstration is followed"),
        (["drawer", "--demo", "BAG"], "holds demonstrations of reach, not drawer"),
    ],
)
def test_the_command_line_refuses_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], reason: str
) -> None:
    """Before anything is started, or a folder is made."""
    bag = write_bag(tmp_path / "bag", [quick()])
    given = [each.replace("BAG", str(bag)) for each in arguments]
    assert main(["train", *given, "--run", str(tmp_path / "run")]) == 2
    output = capsys.readouterr()
    (line,) = output.err.splitlines()
    assert line.startswith("adgps train: ") and reason in line
    assert output.out == "" and not (tmp_path / "run").exists()
