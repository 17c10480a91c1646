"""The door experiment with tiny numbers, through every stage, as a user would run it."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from adgps_core.vision.storage import read_network
from adgps_param_server.checkpoints import load_state

PATIENCE = 600.0
ADGPS = (sys.executable, "-m", "adgps_bringup.cli")
FEW = """
/**/local_worker:
  ros__parameters:
    phases: ["badmm+pi2:1", "mdgps+pi2:1"]
    samples: 2
"""


def experiment(folder: Path) -> str:
    """Run the small experiment in a folder; what it printed."""
    return adgps("experiment", "door", "--preset", "quick", "--out", str(folder))


def adgps(*words: str) -> str:
    """Run a command, which succeeds; what it printed."""
    done = subprocess.run(
        [*ADGPS, *words],
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
    command = [*ADGPS, "experiment", "door", "--preset", "quick", "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an experiment was killed in its first stage."""
    folder = tmp_path_factory.mktemp("door") / "experiment"
    kill_while_it_records(folder)
    return folder


@pytest.mark.timeout(2 * PATIENCE)
def test_every_stage_leaves_its_product_and_is_not_done_twice(folder: Path) -> None:
    """Demonstrations, pre-training, training, trials, baseline, report."""
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


@pytest.mark.timeout(2 * PATIENCE)
def test_unfrozen_convolutions_learn_with_the_policy(folder: Path, tmp_path: Path) -> None:
    """From the network and the demonstrations of the experiment; the trials see with the result."""
    experiment(folder)  # done before, unless this test runs alone
    network = folder / "pretraining" / "vision.safetensors"
    few = tmp_path / "few.yaml"
    few.write_text(FEW)
    run = tmp_path / "run"
    adgps(
        *("train", "door", "--robots", "1", "--instance", "training/0", "--unfreeze"),
        *("--method", "mdgps", "--optimizer", "pi2", "--run", str(run), "--config", str(few)),
        *("--demo", str(folder / "demonstrations"), "--vision", str(network)),
    )
    summary = json.loads((run / "summary.json").read_text())
    assert summary["rollouts"] == 4 and summary["metrics"]["respawns"] == 0
    newest = max(run.glob("checkpoints/param_server/*.safetensors"))
    policy, before = load_state(newest).policy, read_network(network).values
    assert policy.version.counter >= 4
    moved = np.abs(policy.vision_values - before)
    assert (moved > 0).mean() > 0.9 and moved.max() < 0.1
    printed = adgps("evaluate", str(run), "--trials", "1", "--name", "unfrozen")
    assert "Traceback" not in printed
    trials = json.loads((run / "evaluation" / "unfrozen" / "summary.json").read_text())
    assert trials["overall"]["trials"] == 1 and trials["overall"]["successes"] is not None
