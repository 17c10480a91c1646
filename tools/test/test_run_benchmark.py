"""The verb bench: what there is, in one line each, and what there is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "run_benchmark.py"
BENCHMARKS = sorted((SCRIPT.parents[1] / "benchmarks").glob("*.py"))


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_every_benchmark_is_listed_with_what_it_measures() -> None:
    for arguments in ((), ("--help",)):
        done = call(*arguments)
        assert done.returncode == 0
        for path in BENCHMARKS:
            (line,) = [row for row in done.stdout.splitlines() if row.split()[:1] == [path.stem]]
            assert line.endswith(".") and len(line.split()) > 5


def test_another_name_is_one_line() -> None:
    done = call("flight")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "param_server" in done.stderr


def test_arguments_go_to_the_benchmark() -> None:
    done = call("local_update", "--help")
    assert done.returncode == 0 and "usage: local_update.py" in done.stdout
