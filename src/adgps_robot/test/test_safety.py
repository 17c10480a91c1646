"""No sequence of events arms a tripped controller by accident."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_robot.safety import Safety, SafetyError

EVENTS = ("arm", "disarm", "trip", "press", "release", "clear")


def apply(safety: Safety, event: str) -> None:
    """Let one event happen; refusals are part of the game."""
    with suppress(SafetyError):
        match event:
            case "trip":
                safety.trip("test")
            case "press" | "release":
                safety.press(event == "press")
            case _:
                getattr(safety, event)()


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_armed_means_armed_on_purpose_since_the_last_trip(events: list[str]) -> None:
    """After a trip: clear, with the e-stop released, then arm; in this order."""
    safety = Safety()
    for event in events:
        apply(safety, event)
    last = max((i for i, e in enumerate(events) if e in ("trip", "press")), default=-1)
    rest = events[last + 1 :]
    pressed = [e for e in events if e in ("press", "release")][-1:] == ["press"]
    if last >= 0:
        cleared = False
        released = events[last] != "press" and not pressed
        armed = False
        for event in rest:
            released = released or event == "release"
            cleared = cleared or (event == "clear" and released)
            armed = cleared and (event == "arm" or (armed and event != "disarm"))
        assert safety.armed == armed
    assert not (safety.armed and (safety.trip_reason or safety.e_stop_pressed))
    assert (safety.obstacle == "") == safety.armed


def test_a_new_controller_is_disarmed() -> None:
    """A restarted process too."""
    assert Safety().obstacle == "disarmed"


def test_the_e_stop_is_latched() -> None:
    """Releasing it is not enough, and while pressed it cannot be cleared."""
    safety = Safety()
    safety.arm()
    safety.press(True)
    with pytest.raises(SafetyError, match="still pressed"):
        safety.clear()
    safety.press(False)
    assert safety.obstacle == "tripped: e-stop"
    with pytest.raises(SafetyError, match="clear the trip"):
        safety.arm()
    safety.clear()
    assert safety.obstacle == "disarmed"
    safety.arm()
    assert safety.obstacle == ""
    assert safety.trips == 1
