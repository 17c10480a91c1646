"""The stack description: who is there, who learns what, who listens to whom."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_bringup.options import StackOptions
from adgps_bringup.stack import describe_stack, share_out
from adgps_core.tasks import make_task

TRAINING = [instance.id for instance in make_task("reach").instances("training")]

options = st.builds(
    StackOptions,
    robots=st.integers(1, 8),
    mode=st.sampled_from(["async", "sync"]),
    seed=st.integers(0, 1000),
    global_workers=st.none() | st.integers(1, 14),
    run=st.just(Path("/runs/a")),
)


@given(options)
def test_every_instance_is_practised_by_exactly_one_robot(chosen: StackOptions) -> None:
    workers = describe_stack(chosen).of("local_worker")
    practised = [instance for worker in workers for instance in worker.parameters["instances"]]
    assert sorted(practised) == sorted(TRAINING)
    sizes = [len(worker.parameters["instances"]) for worker in workers]
    assert max(sizes) - min(sizes) <= 1


@given(options)
def test_names_are_unique_and_fit_into_one_domain(chosen: StackOptions) -> None:
    stack = describe_stack(chosen)
    names = [name for node in stack.nodes for name in node.full_node_names]
    assert len(set(names)) == len(names)
    assert len({node.name for node in stack.nodes}) == len(stack.nodes)
    assert len(stack.nodes) + 1 <= 32  # and the command line's own participant


@given(options)
def test_every_robot_is_heard_and_hears_back(chosen: StackOptions) -> None:
    stack = describe_stack(chosen)
    workers = stack.of("global_worker")
    assert len(workers) == chosen.number_of_global_workers
    for local in stack.of("local_worker"):
        topic = f"{local.namespace}/optimized_trajectories"
        listening = {
            f"{worker.namespace}/replay_status"
            for worker in workers
            if topic in worker.parameters["trajectory_topics"]
        }
        assert listening
        assert listening <= set(local.parameters["replay_status_topics"])
        if chosen.mode == "async":
            assert listening == set(local.parameters["replay_status_topics"])


@given(options)
def test_a_global_worker_expects_the_instances_of_its_robots(chosen: StackOptions) -> None:
    stack = describe_stack(chosen)
    practised = {
        f"{local.namespace}/optimized_trajectories": local.parameters["instances"]
        for local in stack.of("local_worker")
    }
    for worker in stack.of("global_worker"):
        heard = [i for topic in worker.parameters["trajectory_topics"] for i in practised[topic]]
        assert sorted(heard) == sorted(worker.parameters["instances_expected"])


@given(options)
def test_seeds_differ(chosen: StackOptions) -> None:
    stack = describe_stack(chosen)
    for executable in ("simulated_robot", "global_worker"):
        seeds = [node.parameters["seed"] for node in stack.of(executable)]
        assert len(set(seeds)) == len(seeds)


def test_only_robots_follow_a_simulated_clock() -> None:
    stack = describe_stack(StackOptions(robots=2, run=Path("/r")))
    for node in stack.nodes:
        simulated = node.executable == "simulated_robot"
        assert node.parameters.get("use_sim_time", False) is simulated
        assert (("/clock", "clock") in node.remappings) is simulated


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"task": "fly"}, "unknown task 'fly', known: reach"),
        ({"method": "x"}, "unknown method"),
        ({"optimizer": "x"}, "unknown optimizer"),
        ({"mode": "x"}, "unknown mode"),
        ({"robots": 0}, "robots"),
        ({"robots": 9}, "robots"),
        ({"seed": -1}, "seed"),
        ({"real_time_factor": -1.0}, "real_time_factor"),
        ({"real_time_factor": float("nan")}, "real_time_factor"),
        ({"iterations": 0}, "iterations"),
        ({"global_workers": 0}, "global_workers"),
        ({"robots": 8, "global_workers": 15}, "global_workers"),
    ],
)
def test_wrong_choices_are_refused_in_one_line(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        StackOptions(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_more_robots_than_instances_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for 3 robots"):
        share_out(["a", "b"], 3)


def test_training_needs_a_run_folder() -> None:
    with pytest.raises(ValueError, match="run folder"):
        describe_stack(StackOptions())
