"""The door experiment with tiny numbers, through every stage, as a user would run it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

PATIENCE = 600.0


def experiment(folder: Path) -> str:
    """Run the small experiment in a folder; what it printed."""
    command = ["experiment", "door", "--preset", "quick", "--out", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "adgps_bringup.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.timeout(2 * PATIENCE)
def test_every_stage_leaves_its_product_and_is_not_done_twice(tmp_path: Path) -> None:
    """Demonstrations, pre-training, training, trials, baseline, report."""
    folder = tmp_path / "experiment"
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
