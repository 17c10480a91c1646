"""The command line as a process of its own, watched from outside: output, processes, memory."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from adgps_core.tasks import make_task

TASK = make_task("reach")
INSTANCES = {"training": 8, "validation": 4, "test": 4}
PATIENCE = 170.0
MARK = "ADGPS_SYSTEM_TEST"
"""Environment variable by which the processes of one command are told from all others."""

SAMPLES = 2
STEPS_PER_ROLLOUT = 4

_SEGMENT = re.compile(r"/dev/shm/(?:sem\.)?(fastrtps_\w+)")

TINY: dict[str, dict[str, Any]] = {
    "/param_server": {"hidden": [16]},
    "/**/global_worker": {
        "batch_size": 64,
        "min_steps_per_rollout": float(STEPS_PER_ROLLOUT),
        "max_steps_per_rollout": float(STEPS_PER_ROLLOUT),
        "steps_per_round": 10,
    },
    "/**/local_worker": {
        "phases": ["badmm+lqr:1"],
        "samples": SAMPLES,
        "alternations": 2,
        "min_steps_per_rollout": float(STEPS_PER_ROLLOUT),
        "kl_step": 0.1,
        "rollout_timeout": 15.0,
    },
}
"""Settings with which a run takes seconds. Upper and lower bound of the gradient steps are one, so
that their number is known."""


def write_parameters(path: Path, content: dict[str, dict[str, Any]] | None = None) -> Path:
    """Write a ROS parameter file, the tiny settings unless told otherwise."""
    nodes = TINY if content is None else content
    text = yaml.safe_dump({name: {"ros__parameters": values} for name, values in nodes.items()})
    path.write_text(text)
    return path


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until a condition is true; return its value."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return value


class StackProcess:
    """`adgps VERB ...`, its output kept in files.

    Parameters
    ----------
    folder : gets the output.
    arguments : verb and arguments.
    inside : what the command is put after, to run on another host.
    variables : of its environment, beside ours.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        inside: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self._out, self._err = folder / f"{self.mark}.out", folder / f"{self.mark}.err"
        self.segments: set[str] = set()
        self.left_behind: list[str] = []
        ours = {key: value for key, value in os.environ.items() if key != "ROS_DOMAIN_ID"}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*inside, sys.executable, "-m", "adgps_bringup.cli", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={**ours, **(variables or {}), MARK: self.mark, "COLUMNS": "200"},
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._out.read_text()

    @property
    def errors(self) -> str:
        """What it has printed on standard error so far."""
        return self._err.read_text()

    @property
    def pids(self) -> list[int]:
        """The command and everything that it has started, as far as it lives."""
        return [pid for pid in _all_pids() if self._is_mine(pid)]

    @property
    def domain_id(self) -> int:
        """ROS domain of the run, as printed."""
        match = self.await_line(r"^ROS_DOMAIN_ID=(\d+)$")
        return int(match[1])

    def await_line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches; fails if the command ends without one."""

        def found() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.output, re.MULTILINE)
            assert match or not ended, f"it ended without {pattern}:\n{self.output}{self.errors}"
            return match

        match: re.Match[str] = wait_for(found, pattern)
        return match

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the end, noting the shared memory that is used; the exit status."""
        end = time.monotonic() + patience
        while self.process.poll() is None:
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"no end in {patience:g} s:\n{self.output}{self.errors}")
            self.note_segments()
            time.sleep(0.3)
        self.left_behind = self._look_behind()
        return self.process.returncode

    def note_segments(self) -> None:
        """Remember which shared memory of Fast DDS the processes use now; it should be none.

        A process killed while it holds a lock there stops all that wait for the lock.
        """
        for pid in self.pids:
            self.segments |= _segments(pid)

    def succeed(self) -> None:
        """Wait for the end, which must be a good one."""
        assert self.wait() == 0, f"{self.output}{self.errors}"

    def _look_behind(self) -> list[str]:
        """Processes that still run, and shared memory that they used."""
        return [*(f"pid {pid}" for pid in self.pids), *self.segments]

    def kill(self) -> None:
        """Kill the command and what is left of it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _is_mine(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"{MARK}={self.mark}".encode() in environment.split(b"\0")


class TrainProcess(StackProcess):
    """`adgps train reach` with tiny settings, its run's folder, and what is in it."""

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        run: Path | None = None,
        parameters: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.run = folder / "run" if run is None else run
        config = write_parameters(folder / "tiny.yaml", parameters)
        super().__init__(
            folder, "train", "reach", "--run", self.run, "--config", config, *arguments
        )

    @property
    def summary(self) -> dict[str, Any]:
        """Content of summary.json."""
        content: dict[str, Any] = json.loads((self.run / "summary.json").read_text())
        return content

    def starts(self, name: str) -> list[int]:
        """Process ids that a node has had, by its log."""
        log = self.run / "log" / f"{name.replace('/', '.')}.log"
        if not log.exists():
            return []
        return [int(pid) for pid in re.findall(r"^--- started, pid (\d+)$", log.read_text(), re.M)]


def _all_pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _segments(pid: int) -> set[str]:
    """Shared memory of Fast DDS that a process uses."""
    try:
        return set(_SEGMENT.findall(Path(f"/proc/{pid}/maps").read_text(errors="replace")))
    except OSError:
        return set()
