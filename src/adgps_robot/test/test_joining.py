"""IMU readings meet their joint states: lock-step by stamp, real time the newest fresh one."""

from itertools import permutations

import numpy as np
import pytest
from controller_bench import PERIOD_NS, Bench, hold_goal

from adgps_core.measurements import IMU
from adgps_core.typing import Array
from adgps_robot.diagnostics import report
from adgps_robot.execution import Timing
from adgps_robot.joining import KEPT, Join, Joins
from adgps_robot.outcome import Outcome

LOCK_STEP, REAL_TIME = Timing(), Timing(lock_step=False, state_timeout=0.2)


def row(number: float) -> Array:
    """A reading that is told from others."""
    return np.array([0, 0, 0, 1.0, number, 0, 0, 0, 0, 9.81])


def number(reading: Array | None) -> float | None:
    """Which reading it is."""
    return None if reading is None else float(reading[4])


def imu_join(lock_step: bool) -> Join:
    """A join of readings."""
    return Join(IMU, "IMU reading", lock_step, timeout=0.2)


def test_in_lock_step_stamps_meet_whatever_comes_first() -> None:
    """In any order of arrival; a reading is found as long as a few newer ones are there."""
    for order in permutations(range(3)):
        join = imu_join(lock_step=True)
        newest = -1
        for stamp in order:
            join.hear(stamp, row(stamp), 0.0)
            newest = stamp
            assert number(join.row(stamp, 1e9)) == newest
        assert join.row(7, 0.0) is None
    join = imu_join(lock_step=True)
    for stamp in range(2 * KEPT):
        join.hear(stamp, row(stamp), 0.0)
    assert number(join.row(KEPT, 0.0)) == KEPT
    assert join.row(KEPT - 1, 0.0) is None
    assert join.accepted == 2 * KEPT


def test_a_clock_that_began_anew_meets_no_reading_from_before() -> None:
    """A robot that was started again counts from the same stamp."""
    join = imu_join(lock_step=True)
    for stamp in (1, 2, 3):
        join.hear(stamp, row(stamp), 0.0)
    join.hear(1, row(10), 0.0)
    assert number(join.row(1, 0.0)) == 10
    assert join.row(2, 0.0) is None


def test_in_real_time_the_newest_counts_until_it_is_stale() -> None:
    """By the time of arrival, whatever its stamp."""
    join = imu_join(lock_step=False)
    assert join.row(5, 0.0) is None and "no IMU reading" in join.lack(0.0)
    join.hear(7, row(1), 1.0)
    join.hear(8, row(2), 1.1)
    assert number(join.row(5, 1.3)) == 2
    assert join.row(5, 1.31) is None
    assert "0.21 s old" in join.lack(1.31)


def test_a_state_waits_for_every_sensor_and_says_for_which() -> None:
    camera = Join("features", "image", lock_step=True, timeout=0.2)
    joins = Joins([imu_join(lock_step=True), camera])
    assert "IMU" in joins.lack(5, 0.0)
    joins[IMU].hear(5, row(1), 0.0)
    assert joins.measurements(5, 0.0) is None and joins.lack(5, 0.0) == "no image has arrived"
    camera.hear(5, np.ones(2), 0.0)
    measured = joins.measurements(5, 0.0)
    assert measured is not None and set(measured) == {IMU, "features"}
    assert joins.lack(5, 0.0) == ""
    assert "stamp" in joins.lack(6, 0.0)


def test_without_sensors_nothing_is_waited_for() -> None:
    assert Joins().measurements(5, 0.0) == {} and Joins().lack(5, 0.0) == ""


class ImuBench(Bench):
    """A bench whose every state has a reading, told by its stamp; `late` gives it afterwards."""

    def __init__(self, timing: Timing, late: bool = False) -> None:
        super().__init__(timing)
        join = Join(IMU, "IMU reading", timing.lock_step, timing.state_timeout)
        self.controller.joins = Joins([join])
        self.late, self.mute = late, False

    def reading(self) -> None:
        """Deliver the reading that belongs to the arm's state."""
        if not self.mute:
            self.controller.on_measurement(IMU, self.clock_ns, row(self.clock_ns))

    def state(self) -> None:
        """Deliver both, in either order."""
        if not self.late:
            self.reading()
        super().state()
        if self.late:
            self.reading()


@pytest.mark.parametrize("late", [False, True])
def test_a_rollout_in_lock_step_notes_the_reading_of_each_state(late: bool) -> None:
    """Also where the state comes first: it waits, and is answered once."""
    bench = ImuBench(LOCK_STEP, late).ready()
    first_ns = bench.clock_ns
    bench.start(hold_goal(5))
    bench.run()
    (result,) = bench.results
    assert result.outcome is Outcome.SUCCESS and result.trajectory is not None
    stamps = first_ns + PERIOD_NS * np.arange(5)
    np.testing.assert_array_equal(result.trajectory.measurements[IMU][:, 4], stamps)
    assert len(bench.sent) == 5
    assert report(bench.controller)["imu_accepted"] == 6


def test_a_reading_that_never_comes_ends_the_rollout_with_its_name() -> None:
    """In lock-step, before the first tick and within the rollout."""
    bench = ImuBench(LOCK_STEP).ready()
    bench.start(hold_goal(5))
    bench.mute = True
    bench.run()
    assert len(bench.sent) == 1 and not bench.results
    bench.now += LOCK_STEP.state_timeout + 0.1
    bench.controller.watch()
    (result,) = bench.results
    assert result.outcome is Outcome.STALE_STATE and "IMU" in result.reason
    bench.clock_ns += PERIOD_NS
    bench.state()
    bench.start(hold_goal(5))
    bench.now += LOCK_STEP.start_timeout + 0.1
    bench.controller.watch()
    assert bench.results[1].outcome is Outcome.STALE_STATE
    assert "IMU" in bench.results[1].reason


def test_in_real_time_a_stale_reading_ends_the_rollout() -> None:
    """The ticks until then are kept; the next rollout waits for a fresh one."""
    bench = ImuBench(REAL_TIME).ready()
    bench.start(hold_goal(20))

    def tick() -> None:
        bench.move(np.zeros(7))
        bench.state()
        bench.controller.on_timer()

    for _ in range(3):
        tick()
    bench.mute = True
    for _ in range(6):
        tick()
    (result,) = bench.results
    assert result.outcome is Outcome.STALE_STATE and "reading is 0.25 s old" in result.reason
    assert result.trajectory is not None
    assert len(result.trajectory.measurements[IMU]) == result.trajectory.horizon >= 5
    bench.start(hold_goal(2))
    tick()
    assert len(bench.results) == 1
    bench.mute = False
    for _ in range(3):
        tick()
    assert bench.results[1].outcome is Outcome.SUCCESS
