"""What the tests of this package share: an arm of numbers, goals for it, a controller on it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pybullet_data

from adgps_core.global_policy import PolicyVersion
from adgps_core.policies import LinearGaussianPolicy
from adgps_core.tasks import make_task
from adgps_core.typing import Array
from adgps_robot.controller import Controller
from adgps_robot.execution import RolloutResult, Timing
from adgps_robot.gate_watch import GateWatch
from adgps_robot.goal import Goal
from adgps_robot.kinematics import Kinematics
from adgps_robot.limits import Limits
from adgps_robot.motion import MotionSettings

URDF = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
NAMES = tuple(f"panda_joint{number}" for number in range(1, 8))
PERIOD_NS = 50_000_000
TASK = make_task("reach")
KINEMATICS = Kinematics(URDF, NAMES)
INSTANCE = TASK.instances("training")[0]
LOWER, UPPER = KINEMATICS.position_limits
LIMITS = Limits(
    effort=KINEMATICS.effort_limits,
    effort_rate=np.full(7, 1000.0),
    velocity=KINEMATICS.velocity_limits,
    lower=LOWER,
    upper=UPPER,
    velocity_gain=np.full(7, 4.0),
    joint_damping=np.ones(7),
)


def hold_policy(horizon: int, deviation: float = 0.5) -> LinearGaussianPolicy:
    """A joint-space PD hold of the start pose, written as a local policy."""
    gain = np.zeros((7, TASK.dim_x))
    gain[:, 0:7] = -5.0 * np.eye(7)
    gain[:, 7:14] = -1.0 * np.eye(7)
    return LinearGaussianPolicy(
        K=np.tile(gain, (horizon, 1, 1)),
        k=np.tile(5.0 * TASK.start_joint_angles, (horizon, 1)),
        C=np.tile(deviation**2 * np.eye(7), (horizon, 1, 1)),
    )


def hold_goal(horizon: int = 5, **changes: object) -> Goal:
    """A rollout of the hold policy."""
    fields = {"instance": INSTANCE, "horizon": horizon, "policy": hold_policy(horizon), **changes}
    return Goal(**fields)  # type: ignore[arg-type]


class Bench:
    """A controller with an arm of seven independent inertias, and a clock that tests turn.

    In lock-step the arm answers at once: every command moves it one period on.
    """

    def __init__(
        self,
        timing: Timing | None = None,
        ramp_time: float = 0.0,
        motion: MotionSettings | None = None,
        gate: GateWatch | None = None,
        see_with: Callable[[PolicyVersion], None] | None = None,
    ) -> None:
        self.now = 100.0
        self.clock_ns = 1_000_000_000
        self.angles = TASK.start_joint_angles.copy()
        self.velocities = np.zeros(7)
        self.connected = True
        self.sent: list[tuple[int, Array]] = []
        self.results: list[RolloutResult] = []
        self.controller = Controller(
            TASK,
            KINEMATICS,
            NAMES,
            LIMITS,
            timing or Timing(),
            hold_damping=np.full(7, 2.0),
            send=self._receive,
            connected=lambda: self.connected,
            robot="/robot_1",
            clock_ns=lambda: self.clock_ns,
            now=lambda: self.now,
            ramp_time=ramp_time,
            motion=motion,
            gate=gate,
            see_with=see_with,
        )
        self.pending = False

    def ready(self) -> "Bench":
        """Activate, arm, and deliver a first state."""
        self.controller.active = True
        self.controller.safety.arm()
        self.state()
        self.sent.clear()
        return self

    def _receive(self, stamp_ns: int, torques: Array) -> None:
        self.sent.append((stamp_ns, torques.copy()))
        self.pending = True

    def move(self, torques: Array) -> None:
        """One control period of unit inertias with unit damping."""
        self.velocities = self.velocities + 0.05 * (torques - self.velocities)
        self.angles = self.angles + 0.05 * self.velocities
        self.clock_ns += PERIOD_NS
        self.now += 0.05

    def state(self) -> None:
        """Deliver the arm's state."""
        self.controller.on_joint_state(self.clock_ns, NAMES, self.angles, self.velocities)

    def run(self, ticks: int = 10_000) -> None:
        """Lock-step: answer commands until there are no more."""
        while self.pending and ticks > 0:
            self.pending = False
            self.move(self.sent[-1][1])
            self.state()
            ticks -= 1

    def start(self, goal: Goal) -> None:
        """Ask for a rollout."""
        self.controller.start(goal, self.results.append)
