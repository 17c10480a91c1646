"""What is collected for pre-training: the right robots, the right doors, and nothing twice."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from adgps_bringup.options import StackOptions
from adgps_bringup.pretraining.learning import CURVE, LearningPoint, read_curve
from adgps_bringup.pretraining.plan import PURPOSES, PretrainOptions, jobs
from adgps_bringup.pretraining.product import Product, done, folder_of, label_summary, mark_of
from adgps_bringup.stack_robots import describe_robots
from adgps_core.tasks.door import Door
from adgps_global_worker.pretraining.samples import PoseDataset

IMAGE = np.zeros((4, 6, 3), np.uint8)
HERE, THERE = np.zeros(9, np.float32), np.full(9, 0.01, np.float32)


def test_robots_have_the_cameras_that_they_have_in_training() -> None:
    """What differs in a simulated robot follows from its seed."""
    options = PretrainOptions(robots=3, seed=5)
    robots = describe_robots(StackOptions(task="door", robots=3, seed=5))
    assert [options.robot_seed(i) for i in range(3)] == [r.parameters["seed"] for r in robots]


@pytest.mark.parametrize("robots", [1, 2, 4, 8])
def test_every_robot_collects_its_part(robots: int) -> None:
    """As many doors as the preset says, its own share of instances, and no product twice."""
    options = PretrainOptions(robots=robots)
    every = jobs(options)
    assert len({(job.purpose, job.name) for job in every}) == len(every)
    for purpose in PURPOSES:
        mine = [job for job in every if job.purpose == purpose]
        seen = Counter[int]()
        for job in mine:
            seen[job.robot] += job.doors
        assert seen == dict.fromkeys(range(robots), options.amounts.doors[purpose])
        assert {job.robot for job in mine if job.kind == "practice"} == set(range(robots))
    practised = [job for job in every if job.kind == "practice" and job.purpose == "training"]
    for job in practised:
        instances = [each.id for each in Door().instances("training")]
        assert job.instance in instances[job.robot :: robots]
    draws = {tuple(job.rng(0).integers(2**31, size=2)) for job in every}
    assert len(draws) == len(every)


def test_choices_are_kept(tmp_path: Path) -> None:
    """There and back; a folder without them is none to go on in."""
    options = PretrainOptions(robots=2, seed=3, preset="quick")
    options.write(tmp_path / "options.json")
    assert PretrainOptions.read(tmp_path / "options.json") == options
    with pytest.raises(ValueError, match=r"is no pre-training's folder: it has no absent\.json"):
        PretrainOptions.read(tmp_path / "absent.json")
    (tmp_path / "cut.json").write_text("{")
    with pytest.raises(ValueError, match=r"cut\.json cannot be used"):
        PretrainOptions.read(tmp_path / "cut.json")


def test_a_job_is_done_when_all_of_it_is_there(tmp_path: Path) -> None:
    """Images alone, half a mark, or a mark without its images do not count."""
    job = jobs(PretrainOptions(preset="quick"))[0]
    product = Product(job.robot)
    assert product.judge(THERE, HERE) and not product.judge(None, HERE)
    product.add(IMAGE, THERE, HERE, HERE)
    assert done(tmp_path, job) is None
    product.write(tmp_path, job)
    found = done(tmp_path, job)
    assert found is not None and found["images"] == 1 and found["refused"] == 1
    data = PoseDataset(folder_of(tmp_path, job.purpose))
    np.testing.assert_array_equal(data.object_points, THERE[None])  # labels, never the truth
    labels = label_summary(tmp_path, [job])[job.purpose]
    assert labels["refused_part"] == 0.5
    assert labels["label_error_mm"] == pytest.approx(10 * np.sqrt(3))
    mark = mark_of(tmp_path, job)
    whole = mark.read_text()
    mark.write_text(whole[:10])
    assert done(tmp_path, job) is None
    mark.write_text(whole)
    (folder_of(tmp_path, job.purpose) / f"{job.name}.safetensors").unlink()
    assert done(tmp_path, job) is None


def test_a_job_that_found_no_door_is_done_too(tmp_path: Path) -> None:
    """It has no images, and is not tried again and again."""
    job = jobs(PretrainOptions(preset="quick"))[0]
    product = Product(job.robot)
    product.judge(None, HERE)
    product.write(tmp_path, job)
    assert done(tmp_path, job) is not None


def test_the_curve_forgets_what_was_done_anew(tmp_path: Path) -> None:
    """Killed after step 20, gone on from a checkpoint at 10; the line under way is dropped."""
    lines = [
        json.dumps({"step": step, "loss": loss, "object_cm": 1.0, "end_effector_cm": 2.0})
        for step, loss in ((10, 3.0), (20, 2.0), (15, 2.5))
    ]
    (tmp_path / CURVE).write_text("\n".join([*lines, '{"step": 30']))
    assert read_curve(tmp_path) == [
        LearningPoint(10, 3.0, 1.0, 2.0),
        LearningPoint(15, 2.5, 1.0, 2.0),
    ]
    assert read_curve(tmp_path / "absent") == []
