"""What a user may choose about a stack; everything else follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adgps_core.phases import METHODS, OPTIMIZERS
from adgps_core.tasks import TASKS, VISUAL_TASKS, make_task, visual_name

MODES = ("async", "sync")
RECORDINGS = ("", "trajectories", "all")
STORAGES = ("mcap", "sqlite3")
ROLES = ("all", "robot", "workers", "server")
"""What a machine runs: robots' own nodes, their workers, the parameter server."""

MAX_ROBOTS = 8
MAX_PARTICIPANTS = 32
"""Processes of one domain that find each other on one host, Fast DDS's limit."""


@dataclass(frozen=True)
class StackOptions:
    """The choices behind a stack, validated.

    Parameters
    ----------
    task : name of the task.
    robots : number of robots N; the training instances are shared out over them.
    instances : ids of the training instances that are practised; empty: all of the task's.
    method : how local and global policies are brought together, at least in the end.
    optimizer : how a local policy is improved, likewise.
    mode : "async" (Algorithms 2 and 3) or "sync" (Algorithm 1).
    seed : of everything random in the run, but not of the task's instances.
    real_time_factor : 0 for lock-step, 1 for the speed of a real arm.
    run : folder of the run, or None where nothing is kept (evaluation).
    iterations : of the last phase, of each instance; None leaves it to the parameter files.
    global_workers : number of global workers; None: one per robot.
    parameter_files : ROS parameter files with hyper-parameters; later ones win.
    record : what goes into the run's bag: "trajectories" (with parameters and diagnostics), "all"
        (also what robots see and do), or nothing.
    storage : kind of the bag's storage files.
    from_bag : bag to train from instead of from robots that practise; these only evaluate.
    demo : bag of demonstrations that the first local policies follow.
    vision : vision network that the global policy sees with; None: it sees the robot's state alone.
        With one, simulated robots have cameras, and differ from each other.
    unfreeze : train that network with the policy, from images that trajectories then carry.
    robots_file : list of real robots, which are then N; None: simulated ones.
    role : what of the stack runs on this machine, one or several of ROLES, joined by commas.
    keep_policies : shortest time between two policies that are kept for later [s]; 0: none is.
    host : name of this machine, as the list of robots has it; "": all robots are meant.

    Raises
    ------
    ValueError
        With one line that says what is wrong.
    """

    task: str = "reach"
    robots: int = 4
    instances: tuple[str, ...] = ()
    method: str = "badmm"
    optimizer: str = "lqr"
    mode: str = "async"
    seed: int = 0
    real_time_factor: float = 0.0
    run: Path | None = None
    iterations: int | None = None
    global_workers: int | None = None
    parameter_files: tuple[Path, ...] = ()
    record: str = ""
    storage: str = STORAGES[0]
    from_bag: Path | None = None
    demo: Path | None = None
    vision: Path | None = None
    unfreeze: bool = False
    robots_file: Path | None = None
    role: str = "all"
    host: str = ""
    keep_policies: float = 0.0

    def __post_init__(self) -> None:
        """Validate."""
        _one_of("task", self.task, TASKS)
        if self.vision is not None and self.policy_task not in VISUAL_TASKS:
            raise ValueError(f"nothing is to be seen in the task {self.task}: it takes no vision")
        if self.unfreeze and self.vision is None:
            raise ValueError("unfreeze needs a vision network that is to be trained")
        object.__setattr__(self, "instances", tuple(self.instances))
        self._check_instances()
        _one_of("method", self.method, METHODS)
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("mode", self.mode, MODES)
        _one_of("storage", self.storage, STORAGES)
        if self.record not in RECORDINGS:
            raise ValueError(f"record must be {' or '.join(RECORDINGS[1:])}, not {self.record!r}")
        if not 1 <= self.robots <= MAX_ROBOTS:
            raise ValueError(f"robots must be between 1 and {MAX_ROBOTS}, not {self.robots}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must be between 0 and 2147483647, not {self.seed}")
        if not 0 <= self.real_time_factor <= 100:
            raise ValueError(
                "real_time_factor must be 0 (lock-step) or a speed of at most 100,"
                f" not {self.real_time_factor}"
            )
        if self.iterations is not None and not 1 <= self.iterations <= 100_000:
            raise ValueError(f"iterations must be between 1 and 100000, not {self.iterations}")
        most = MAX_PARTICIPANTS - 2 - 2 * self.robots - bool(self.record)
        if self.global_workers is not None and not 1 <= self.global_workers <= most:
            raise ValueError(
                f"global_workers must be between 1 and {most} with {self.robots} robots,"
                f" not {self.global_workers}"
            )

        if not 0 <= self.keep_policies < 1e6:
            raise ValueError(f"keep_policies must be 0 s or more, not {self.keep_policies}")
        if self.demo is not None and self.from_bag is not None:
            raise ValueError("nobody practises from a bag: no demonstration is followed")
        for role in self.role.split(","):
            _one_of("role", role, ROLES)
        if self.robots_file is None and (self.role != "all" or self.host):
            raise ValueError("role and host are for real robots: give a file that lists them")
        if self.host and self.global_workers is not None:
            raise ValueError("on several machines every robot has a global worker of its own")

    def _check_instances(self) -> None:
        """Refuse instances that are none of the training's, or are named twice."""
        known = [each.id for each in make_task(self.task).instances("training")]
        for name in self.instances:
            if name not in known:
                raise ValueError(f"{self.task} trains on {known[0]} to {known[-1]}, not on {name}")
        if len(set(self.instances)) < len(self.instances):
            raise ValueError("an instance is named twice")

    def plays(self, role: str) -> bool:
        """Whether this machine has a role."""
        return not {"all", role}.isdisjoint(self.role.split(","))

    @property
    def policy_task(self) -> str:
        """The task as nodes are told it: whether the global policy sees is part of it."""
        return self.task if self.vision is None else visual_name(self.task)

    @property
    def practised(self) -> tuple[str, ...]:
        """Ids of the training instances that are practised, the default filled in."""
        training = make_task(self.task).instances("training")
        return self.instances or tuple(instance.id for instance in training)

    @property
    def real(self) -> bool:
        """Whether the robots are real ones."""
        return self.robots_file is not None

    @property
    def lock_step(self) -> bool:
        """Whether the simulators wait for every command instead of keeping a pace."""
        return self.real_time_factor == 0

    @property
    def number_of_global_workers(self) -> int:
        """Global workers, the default filled in."""
        return self.robots if self.global_workers is None else self.global_workers


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Refuse a name that is not known."""
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}, known: {', '.join(known)}")
