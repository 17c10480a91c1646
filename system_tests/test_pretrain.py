"""Pre-training from the command line: killed, gone on with, and what it leaves."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stack_process import StackProcess, wait_for

from adgps_bringup.pretraining.plan import PretrainOptions, jobs
from adgps_bringup.pretraining.product import done
from adgps_core.vision.architecture import VisionArchitecture
from adgps_core.vision.storage import read_network

Command = Callable[..., StackProcess]


def test_a_killed_pre_training_goes_on_where_it_was(command: Command, tmp_path: Path) -> None:
    """Nobody outlives the kill, what was collected is kept, and the network sees the door."""
    run = tmp_path / "run"
    every = jobs(PretrainOptions(robots=1, preset="quick"))
    first = command("pretrain", "door", "--preset", "quick", "--robots", 1, "--out", run)
    wait_for(lambda: any(done(run, job) for job in every), "a part of the images")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    wait_for(lambda: not first.pids, "its processes to end", patience=10.0)
    kept = {path: path.stat().st_mtime_ns for path in run.glob("samples/*/*.json")}
    assert kept and not (run / "vision.safetensors").exists()
    second = command("pretrain", "--resume", run)
    second.succeed()
    assert not second.left_behind
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert re.search(r"images: [1-9]\d* of \d+ parts are there", second.output)
    assert re.search(r"training: step 10/10 .* ETA 0:00", second.output)
    network = read_network(run / "vision.safetensors")
    assert network.architecture == VisionArchitecture()
    summary = json.loads((run / "summary.json").read_text())
    assert summary["labels"]["training"]["label_error_mm"] < 2.0
    assert summary["labels"]["training"]["refused_part"] < 0.5
    assert all(np.isfinite(list(each.values())).all() for each in summary["errors"].values())
    assert all((run / f"{name}.png").stat().st_size > 10_000 for name in ("samples", "features"))
