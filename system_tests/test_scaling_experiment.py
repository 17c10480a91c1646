"""The scaling experiment with tiny numbers, as a user would run it, and interrupted once."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

PATIENCE = 300.0
RUNS = ("small-gps-seed0", "small-adgps-2-seed0", "small-agps-seed0")


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the small experiment in a folder."""
    command = ["experiment", "scaling", "--preset", "quick", "--out", str(folder)]
    return subprocess.Popen(
        [sys.executable, "-m", "adgps_bringup.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stop_in_the_second_run(folder: Path) -> None:
    """Ctrl-C once the second run has begun to practise."""
    process = start(folder)
    deadline = time.monotonic() + PATIENCE
    while not (folder / "runs" / RUNS[1] / "curve.jsonl").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, printed


@pytest.mark.timeout(3 * PATIENCE)
def test_what_was_interrupted_is_gone_on_with_up_to_the_report(tmp_path: Path) -> None:
    """What was done stays done."""
    folder = tmp_path / "experiment"
    stop_in_the_second_run(folder)
    first = (folder / "runs" / RUNS[0] / "summary.json").stat()
    process = start(folder)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, printed
    assert "1 of 3 runs were done before" in printed and "Traceback" not in printed
    assert f"{RUNS[1]} was interrupted and begins anew" in printed
    assert (folder / "runs" / RUNS[0] / "summary.json").stat() == first
    results = json.loads((folder / "report" / "results.json").read_text())
    found = results["networks"]["small"]["runs"]
    assert set(found) == set(RUNS)
    assert all(40 <= run["rollouts"] <= 48 for run in found.values())  # some may be discarded
    for run in found.values():
        assert 0 < run["utilization"]["robot_1"] < 1 and run["updates"] > 0
    errors = [each["error"] for each in results["model"]["variants"]["small, AGPS"]]
    assert abs(errors[0]) < 0.5  # on a busy machine
    assert (folder / "report" / "figure_4_small.png").stat().st_size > 1000
