"""What an evaluation makes of a rollout, and which files of goals it takes."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from adgps_bringup.evaluation import InstanceResult, measure, read_goals, report, table
from adgps_core.tasks import make_task
from adgps_core.trajectory import Trajectory

TASK = make_task("reach")
INSTANCE = TASK.instances("validation")[0]


def trajectory(ticks: int) -> Trajectory:
    """The beginning of a rollout of random states and actions."""
    rng = np.random.default_rng(0)
    states = rng.standard_normal((TASK.horizon + 1, TASK.dim_x))[: ticks + 1]
    actions = rng.standard_normal((TASK.horizon, TASK.dim_u))[:ticks]
    return Trajectory(
        instance=INSTANCE,
        states=states,
        observations=TASK.observe(states[:-1], INSTANCE),
        actions_sampled=actions,
        actions_applied=actions,
        log_probabilities=np.zeros(ticks),
        stamps=TASK.control_period * np.arange(ticks + 1),
        lateness=np.zeros(ticks),
    )


def test_cost_and_distances_are_the_task_s() -> None:
    whole = trajectory(TASK.horizon)
    result = measure(TASK, INSTANCE, whole)
    costs = TASK.cost(whole.states[:-1], whole.actions_applied, INSTANCE)
    assert result.cost == pytest.approx(costs.sum())
    assert result.initial_distance_m == TASK.distance(whole.states[0], INSTANCE)
    assert result.final_distance_m == TASK.distance(whole.states[-1], INSTANCE)
    assert result.completed


def test_a_stopped_rollout_pays_for_the_ticks_it_lacks() -> None:
    part = trajectory(10)
    result = measure(TASK, INSTANCE, part)
    done = TASK.cost(part.states[:-1], part.actions_applied, INSTANCE).sum()
    last = TASK.cost(part.states[-1], np.zeros(TASK.dim_u), INSTANCE)
    assert last > 0.0
    assert result.cost == pytest.approx(done + (TASK.horizon - 10) * last)
    assert result.final_distance_m == TASK.distance(part.states[-1], INSTANCE)
    assert not result.completed


def test_report_and_table_say_which_rollouts_were_stopped() -> None:
    good = InstanceResult(INSTANCE, 10.0, 0.3, 0.1)
    results = [good, replace(good, cost=30.0, final_distance_m=0.3, completed=False)]
    content = report(results)
    assert (content["mean_cost"], content["max_final_distance_m"]) == (20.0, 0.3)
    assert content["mean_final_distance_m"] == pytest.approx(0.2)
    assert [one["completed"] for one in content["per_instance"]] == [True, False]
    screen = StringIO()
    Console(file=screen, width=120).print(table("title", results))
    text = screen.getvalue()
    assert text.count("stopped") == 1 and "30.0, stopped" in text
    assert "goal [m]" in text and "end [cm]" in text


def test_goals_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("goals:\n- position: [0.5, 0, 0.3]\n- {position: [0.45, -0.1, 0.2]}\n")
    first, second = read_goals(path, TASK)
    assert (first.id, second.id) == ("mine/0", "mine/1")
    np.testing.assert_array_equal(first.parameters[:3], [0.5, 0.0, 0.3])
    expected = TASK.goal_instance(np.array([0.45, -0.1, 0.2]), "mine/1")
    np.testing.assert_array_equal(second.parameters, expected.parameters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("goals: [1", "is not YAML: .*, line"),
        ("", "expected goals"),
        ("goals: []", "expected goals"),
        ("goals: {}", "expected goals"),
        ("- 1", "expected goals"),
        ("goals: [1]", r"goals\[0\] needs a position"),
        ("goals: [{position: [0, 0]}]", r"goals\[0\] needs a position"),
        ("goals: [{position: [0, 0, 0]}, {position: [0, 0, x]}]", r"goals\[1\] needs"),
        ("goals: [{position: [0, 0, .nan]}]", r"goals\[0\] needs a position"),
        ("goals: [{position: [0, 0, true]}]", r"goals\[0\] needs a position"),
        ("\x00", "is not YAML"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "goals.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        read_goals(path, TASK)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read .*absent\.yaml: No such file"):
        read_goals(tmp_path / "absent.yaml", TASK)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x80")
    with pytest.raises(ValueError, match=r"binary\.yaml: it is not text"):
        read_goals(binary, TASK)
