"""The door experiment with tiny numbers, through every stage, as a user would run it."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

PATIENCE = 600.0
COMMAND = (
    *(sys.executable, "-m", "adgps_bringup.cli"),
    *("experiment", "door", "--preset", "quick", "--out"),
)


def experiment(folder: Path) -> str:
    """Run the small experiment in a folder; what it printed."""
    done = subprocess.run(
        [*COMMAND, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def kill_while_it_records(folder: Path) -> None:
    """Leave half a bag of demonstrations behind."""
    process = subprocess.Popen([*COMMAND, str(folder)], stdout=subprocess.DEVNULL)
    bag, end = folder / "demonstrations", time.monotonic() + 60.0
    try:
        while not any(bag.glob("*.mcap")):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
    finally:
        process.kill()
        process.wait()
    while recording(bag):
        assert time.monotonic() < end, "the recording outlived its experiment"
        time.sleep(0.1)


def recording(bag: Path) -> bool:
    """Whether a process records into a bag."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if (
                b"record" in (words := path.read_bytes().split(b"\0"))
                and str(bag).encode() in words
            ):
                return True
    return False


@pytest.mark.timeout(2 * PATIENCE)
def test_every_stage_leaves_its_product_and_is_not_done_twice(tmp_path: Path) -> None:
    """Demonstrations, pre-training, training, trials, baseline, report; killed in the first."""
    folder = tmp_path / "experiment"
    kill_while_it_records(folder)
    printed = experiment(folder)
    report = json.loads((folder / "report" / "summary.json").read_text())
    assert report["preset"] == "quick" and set(report["stages_s"]) == {
        "demonstrations",
        "pre-training",
        "collective training",
        "collective held_out",
        "collective lowered",
        "collective away",
        "single training",
        "single held_out",
    }
    assert report["rollouts"]["single"] == report["rollouts"]["collective"] > 0
    trials = report["trials"]["collective/held_out"]
    assert trials["overall"]["trials"] == 4 and trials["overall"]["successes"] is not None
    assert (folder / "report" / "collective_held_out_trials.png").stat().st_size > 1000
    assert "Traceback" not in printed and "discarded" not in printed.partition("stage 3")[0]
    again = experiment(folder)
    assert again.count("done before") == len(report["stages_s"])
