"""Run the linters and all tests, the quick ones first; `./adgps test` calls this.

What needs no ROS runs beside the tests of single nodes, which mostly wait; the whole stack has the
machine to itself. Everything runs, also after a failure; the exit status is 1 if anything failed.
With a path or an option for pytest, only pytest runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True)
class Stage:
    """One thing to run.

    Parameters
    ----------
    name : what the user sees.
    module : module of Python that does it.
    arguments : what it is given.
    call : for a module that cannot be run with -m, the function of it that reads sys.argv.
    ros : whether it talks over ROS, and needs a domain of its own.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    call: str = ""
    ros: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """Program and arguments."""
        start = ("-m", self.module)
        if self.call:
            start = ("-c", f"from {self.module} import {self.call} as main; main()")
        return (sys.executable, *start, *self.arguments)


def lint_stages() -> Iterator[Stage]:
    """Yield the linters."""
    yield Stage("ruff check", "ruff", ("check", "--output-format", "concise"))
    yield Stage("ruff format", "ruff", ("format", "--check", "--quiet"))
    yield Stage("import-linter", "importlinter.cli", ("--no-logo",), call="lint_imports_command")
    yield Stage("mypy", "mypy", ())


def test_stages(root: Path, options: Sequence[str]) -> tuple[list[Stage], list[Stage], list[Stage]]:
    """List the tests without ROS, of single nodes, of the whole stack."""
    tests = [*sorted(root.glob("src/*/test/test_*.py")), *sorted(root.glob("tools/test/test_*.py"))]
    nodes = [path for path in tests if path.stem.endswith("_node")]
    plain = [path for path in tests if path not in nodes]
    system = sorted(root.glob("system_tests/test_*.py"))

    def stages(name: str, paths: Sequence[Path], ros: bool) -> list[Stage]:
        files = (str(path.relative_to(root)) for path in paths)
        return [Stage(name, "pytest", ("-q", *options, *files), ros=ros)] if paths else []

    return (
        stages("unit tests", plain, False),
        stages("node tests", nodes, True),
        stages("system tests", system, True),
    )


def plan(root: Path, quick: bool, options: Sequence[str]) -> list[list[list[Stage]]]:
    """List what runs in turn: lanes, side by side, of stages in turn.

    Options are pytest's, possibly none; if there is a path among them, it is all that runs.
    """
    if any(Path(option.split("::")[0]).exists() for option in options):
        return [[[Stage("tests", "pytest", tuple(options), ros=True)]]]
    plain, nodes, system = test_stages(root, options)
    if options:
        return [[[*plain, *([] if quick else [*nodes, *system])]]]
    if quick:
        return [[[*lint_stages(), *plain]]]
    return [[[*lint_stages(), *plain], nodes], [system]]


def run_side_by_side(lanes: Sequence[Sequence[Stage]], root: Path) -> list[str]:
    """Run lanes of stages; the names of those that failed.

    The first lane's output is seen as it comes, that of each other one when it has ended.
    """
    first, *others = lanes
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(lanes)) as executor:
        logs = [Path(folder) / str(number) for number in range(len(others))]
        waiting = [
            executor.submit(run_lane, lane, root, log)
            for lane, log in zip(others, logs, strict=True)
        ]
        failed = run_lane(first, root)
        for lane, log in zip(waiting, logs, strict=True):
            failed += lane.result()
            print(log.read_text(errors="replace"), end="", flush=True)
    return failed


def run_lane(lane: Sequence[Stage], root: Path, log: Path | None = None) -> list[str]:
    """Run stages in turn, with their output in a file if one is given; the names that failed."""
    with log.open("w") if log else nullcontext(sys.stdout) as output:
        return [stage.name for stage in lane if not run(stage, root, output)]


def run(stage: Stage, root: Path, output: IO[str]) -> bool:
    """Run a stage and say how it went; whether it passed."""

    def say(text: str) -> None:
        print(text, file=output, flush=True)

    say(f"\n=== {stage.name}")
    if find_spec(stage.module.split(".")[0]) is None:
        say(f"=== {stage.name}: SKIPPED, not installed: pip install -r requirements-dev.txt")
        return True
    start = time.monotonic()
    status = _call(stage, root, output)
    passed = status == 0 or (stage.module == "pytest" and status == NO_TESTS_COLLECTED)
    verdict = "passed" if passed else "FAILED"
    say(f"=== {stage.name}: {verdict} in {time.monotonic() - start:.0f} s")
    return passed


def _call(stage: Stage, root: Path, output: IO[str]) -> int:
    """Exit status of a stage; tests over ROS get a domain in which nobody else is."""
    # Whoever replaced sys.stdout, as tests do, may have put there what is no file: inherit then.
    where = None if output is sys.stdout else output

    def call(environment: dict[str, str]) -> int:
        return subprocess.call(stage.command, cwd=root, env=environment, stdout=where, stderr=where)

    if not stage.ros or "ROS_DOMAIN_ID" in os.environ:
        return call(dict(os.environ))
    from adgps_bringup.domain import free_domain

    with free_domain() as domain_id:
        return call({**os.environ, "ROS_DOMAIN_ID": str(domain_id)})


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything; the exit status."""
    parser = argparse.ArgumentParser(
        prog="adgps test",
        description="Run linters and all tests; paths and options of pytest run pytest alone.",
    )
    parser.add_argument("--quick", action="store_true", help="only what needs no ROS")
    arguments, options = parser.parse_known_args(argv)
    options = [_absolute(option) for option in options]
    start = time.monotonic()
    failed = []
    for lanes in plan(ROOT, arguments.quick, options):
        failed += run_side_by_side(lanes, ROOT)
    print(f"\n=== everything in {time.monotonic() - start:.0f} s:", end=" ")
    print(f"FAILED: {', '.join(failed)}" if failed else "passed")
    return 1 if failed else 0


def _absolute(option: str) -> str:
    """Path of the user's folder as seen from any other; an option stays what it is."""
    path, separator, rest = option.partition("::")
    return f"{Path(path).resolve()}{separator}{rest}" if Path(path).exists() else option


if __name__ == "__main__":
    sys.exit(main())
