"""The doctor: a verdict for every check, whatever happens in it, and the right exit status."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adgps_bringup import doctor
from adgps_bringup.checkups.finding import Finding, Level
from adgps_bringup.checkups.system import compare, read_pins

names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}", fullmatch=True)


@given(st.dictionaries(names, versions))
def test_pins_are_read_as_they_are_written(pins: dict[str, str]) -> None:
    lines = ["# a comment==1", "", *(f"{name}=={version}" for name, version in pins.items())]
    assert read_pins("\n".join(lines)) == pins


@given(st.dictionaries(names, versions))
def test_what_is_pinned_differs_from_nothing(pins: dict[str, str]) -> None:
    assert compare(pins, pins) == []
    assert compare(pins, {name: f"{version}+cpu" for name, version in pins.items()}) == []
    assert len(compare(pins, {})) == len(pins)


def test_another_version_is_named() -> None:
    assert compare(
        {"numpy": "2.4.6", "scipy": "1.17.1"}, {"numpy": "2.4.60", "scipy": "1.17.1"}
    ) == ["numpy is 2.4.60, not 2.4.6"]


def test_a_finding_is_one_line() -> None:
    line = Finding(Level.WARN, "first\n   second").line("disk")
    assert line.startswith("WARN  disk ")
    assert line.endswith("first second")
    with pytest.raises(ValueError, match="detail"):
        Finding(Level.PASS, " ")


def _broken() -> Finding:
    raise RuntimeError("out of order")


def test_a_check_that_breaks_down_fails() -> None:
    finding = doctor.examine(_broken)
    assert finding.level is Level.FAIL
    assert "out of order" in finding.detail


@pytest.mark.parametrize(
    ("levels", "status"),
    [
        ([Level.PASS], 0),
        ([Level.PASS, Level.WARN], 0),
        ([Level.FAIL, Level.PASS], 1),
        ([Level.PASS, Level.FAIL], 1),
    ],
)
def test_status_is_1_if_anything_fails(
    levels: list[Level],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks = [
        (f"check {i}", lambda level=level: Finding(level, "x")) for i, level in enumerate(levels)
    ]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    assert doctor.main([]) == status
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [level.value for level in levels]
