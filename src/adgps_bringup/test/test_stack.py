"""The stack description: who is there, who learns what, who listens to whom."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_bringup.bags.dataset import Survey
from adgps_bringup.description import robot_names, share_out
from adgps_bringup.options import StackOptions
from adgps_bringup.stack import describe_stack
from adgps_bringup.stack_from_bag import describe_from_bag, options_for
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


def test_only_where_robots_tick_in_real_time_do_workers_make_way() -> None:
    def niceness(factor: float) -> dict[str, int]:
        options = StackOptions(robots=1, run=Path("/runs/a"), real_time_factor=factor)
        return {node.executable: node.nice for node in describe_stack(options).nodes}

    assert set(niceness(0.0).values()) == {0}
    beside = niceness(1.0)
    assert beside["simulated_robot"] == 0 < beside["local_worker"] < beside["global_worker"]


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


@given(options, st.sampled_from(["trajectories", "all"]), st.sampled_from(["mcap", "sqlite3"]))
def test_a_recorder_is_one_process_more_on_which_nothing_depends(
    chosen: StackOptions, record: str, storage: str
) -> None:
    if chosen.global_workers and chosen.robots == 8:
        chosen = replace(chosen, global_workers=None)
    plain = describe_stack(chosen)
    assert not plain.of("recorder")
    stack = describe_stack(replace(chosen, record=record, storage=storage))
    (recorder,) = stack.of("recorder")
    assert [node for node in stack.nodes if node != recorder] == list(plain.nodes)
    assert recorder.respawn and not recorder.required
    assert recorder.parameters["bag"] == "/runs/a/bag"
    assert recorder.parameters["storage"] == storage
    assert len(stack.nodes) + 1 <= 32


SURVEY = Survey(
    topics=("/a/optimized_trajectories", "/b/optimized_trajectories"),
    batches={},
    rollouts=0,
    iterations={},
    task="reach",
    method="mdgps",
    refused=0,
)


@pytest.mark.parametrize("workers", [None, 1, 2, 3])
def test_from_a_bag_every_topic_is_played_to_those_who_listen(workers: int | None) -> None:
    chosen = StackOptions(
        robots=3, mode="sync", run=Path("/r"), from_bag=Path("/bag"), global_workers=workers
    )
    chosen = options_for(chosen, SURVEY)
    assert (chosen.method, chosen.mode) == ("mdgps", "async")
    stack = describe_from_bag(chosen, SURVEY)
    assert stack.practising == ("/a", "/b") and stack.robots == robot_names(chosen)
    assert not stack.of("local_worker")
    (player,) = stack.of("trajectory_player")
    listeners = {tuple(pair.split(" ")) for pair in player.parameters["listeners"]}
    assert listeners == {
        (topic, f"{worker.namespace}/replay_status")
        for worker in stack.of("global_worker")
        for topic in worker.parameters["trajectory_topics"]
    }
    assert {topic for topic, _ in listeners} == set(SURVEY.topics)
    assert len(stack.of("global_worker")) == (workers or 2)


def test_the_player_knows_how_many_steps_the_workers_take(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("/**/global_worker: {ros__parameters: {max_steps_per_rollout: 7.0}}")
    chosen = StackOptions(run=Path("/r"), from_bag=Path("/bag"), parameter_files=(file,))
    (player,) = describe_from_bag(chosen, SURVEY).of("trajectory_player")
    assert player.parameters["steps_per_rollout"] == 7.0


def test_a_bag_that_does_not_fit_is_refused() -> None:
    chosen = StackOptions(run=Path("/r"), from_bag=Path("/bag"), robots=8)
    with pytest.raises(ValueError, match="/bag holds trajectories of fly"):
        options_for(chosen, replace(SURVEY, task="fly"))
    topics = tuple(f"/r{index}/optimized_trajectories" for index in range(30))
    with pytest.raises(ValueError, match="30 global workers and 8 robots are more than"):
        options_for(chosen, replace(SURVEY, topics=topics))


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
        ({"instances": ("test/0",)}, "reach trains on training/0 to training/7, not on test/0"),
        ({"instances": ("training/0", "training/0")}, "named twice"),
        ({"robots": 0}, "robots"),
        ({"robots": 9}, "robots"),
        ({"seed": -1}, "seed"),
        ({"real_time_factor": -1.0}, "real_time_factor"),
        ({"real_time_factor": float("nan")}, "real_time_factor"),
        ({"iterations": 0}, "iterations"),
        ({"global_workers": 0}, "global_workers"),
        ({"robots": 8, "global_workers": 15}, "global_workers"),
        ({"record": "some"}, "record must be trajectories or all, not 'some'"),
        ({"storage": "csv"}, "unknown storage 'csv', known: mcap, sqlite3"),
    ],
)
def test_wrong_choices_are_refused_in_one_line(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        StackOptions(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_part_of_the_instances_may_be_practised() -> None:
    """They are shared out as all of them are; more robots than that find none."""
    chosen = StackOptions(robots=2, instances=("training/3", "training/1"), run=Path("/r"))
    first, second = describe_stack(chosen).of("local_worker")
    assert first.parameters["instances"] == ("training/3",)
    assert second.parameters["instances"] == ("training/1",)
    with pytest.raises(ValueError, match="too few for 4 robots"):
        describe_stack(replace(chosen, robots=4))


def test_more_robots_than_instances_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for 3 robots"):
        share_out(["a", "b"], 3)


def test_training_needs_a_run_folder() -> None:
    with pytest.raises(ValueError, match="run folder"):
        describe_stack(StackOptions())


def test_local_workers_begin_with_the_demonstrations_in_the_runs_folder() -> None:
    """Whatever became of the bag; where there are none, they are not told of any."""
    chosen = StackOptions(run=Path("/r"), demo=Path("/bag"))
    for worker in describe_stack(chosen).of("local_worker"):
        assert worker.parameters["demonstration"] == "/r/demonstrations.safetensors"
    for worker in describe_stack(replace(chosen, demo=None)).of("local_worker"):
        assert "demonstration" not in worker.parameters
    with pytest.raises(ValueError, match="a phase of badmm is needed"):
        describe_stack(replace(chosen, method="mdgps"))


def test_who_sees_has_a_camera_and_the_runs_own_network() -> None:
    """Every node is told so; without a network, none is, and robots are alike."""
    door = StackOptions(task="door", run=Path("/r"), demo=Path("/bag"))
    stack = describe_stack(replace(door, vision=Path("/net")))
    assert {node.parameters["task"] for node in stack.nodes} == {"visual_door"}
    for robot in stack.of("simulated_robot"):
        assert robot.nodes[-1] == "feature_extractor"
        assert robot.parameters["network"] == "/r/vision.safetensors"
        assert robot.parameters["camera"] is robot.parameters["features"] is True
        assert robot.parameters["variation"] == 1.0
    blind = describe_stack(door)
    assert {node.parameters["task"] for node in blind.nodes} == {"door"}
    assert not any({"camera", "variation"} & set(node.parameters) for node in blind.nodes)
    with pytest.raises(ValueError, match="nothing is to be seen in the task reach"):
        StackOptions(vision=Path("/net"))


def test_vision_is_trained_with_the_policy_only_where_it_is_unfrozen() -> None:
    """The server begins with the run's network; whoever sees or learns is told."""
    frozen = StackOptions(task="door", run=Path("/r"), demo=Path("/bag"), vision=Path("/net"))
    for chosen in (frozen, replace(frozen, unfreeze=True)):
        stack = describe_stack(chosen)
        (server,) = stack.of("param_server")
        expected = "/r/vision.safetensors" if chosen.unfreeze else ""
        assert server.parameters.get("vision", "") == expected
        for node in (*stack.of("simulated_robot"), *stack.of("global_worker")):
            assert node.parameters.get("train_vision", False) is chosen.unfreeze
    with pytest.raises(ValueError, match="needs a vision network"):
        replace(frozen, vision=None, unfreeze=True)


def test_a_task_that_demonstrations_define_is_refused_without() -> None:
    """Before anything is started; with them, every local worker reads them."""
    door = StackOptions(task="door", run=Path("/r"))
    with pytest.raises(ValueError, match="from a demonstration: there is none"):
        describe_stack(door)
    workers = describe_stack(replace(door, demo=Path("/bag"))).of("local_worker")
    assert all(each.parameters["demonstration"] for each in workers)
