"""Run the linters and all tests, the quick ones first; `./adgps test` calls this.

Everything runs, also after a failure; the exit status is 1 if anything failed. With a path or an
option for pytest, only pytest runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

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


def test_stages(root: Path, quick: bool, options: Sequence[str]) -> Iterator[Stage]:
    """Yield the tests: without ROS, of single nodes, of the whole stack."""
    tests = [*sorted(root.glob("src/*/test/test_*.py")), *sorted(root.glob("tools/test/test_*.py"))]
    nodes = [path for path in tests if path.stem.endswith("_node")]
    plain = [path for path in tests if path not in nodes]
    groups = [("unit tests", plain, False)]
    if not quick:
        system = sorted(root.glob("system_tests/test_*.py"))
        groups += [("node tests", nodes, True), ("system tests", system, True)]
    for name, paths, ros in groups:
        if paths:
            files = (str(path.relative_to(root)) for path in paths)
            yield Stage(name, "pytest", ("-q", *options, *files), ros=ros)


def plan(root: Path, quick: bool, options: Sequence[str]) -> list[Stage]:
    """List the stages for options of pytest, possibly none, among which there may be paths."""
    if any(Path(option.split("::")[0]).exists() for option in options):
        return [Stage("tests", "pytest", tuple(options), ros=True)]
    tests = list(test_stages(root, quick, options))
    return tests if options else [*lint_stages(), *tests]


def run(stage: Stage, root: Path) -> bool:
    """Run a stage and say how it went; whether it passed."""
    print(f"\n=== {stage.name}", flush=True)
    if find_spec(stage.module.split(".")[0]) is None:
        print(f"=== {stage.name}: SKIPPED, not installed: pip install -r requirements-dev.txt")
        return True
    start = time.monotonic()
    status = _call(stage, root)
    passed = status == 0 or (stage.module == "pytest" and status == NO_TESTS_COLLECTED)
    verdict = "passed" if passed else "FAILED"
    print(f"=== {stage.name}: {verdict} in {time.monotonic() - start:.0f} s", flush=True)
    return passed


def _call(stage: Stage, root: Path) -> int:
    """Exit status of a stage; tests over ROS get a domain in which nobody else is."""
    if not stage.ros or "ROS_DOMAIN_ID" in os.environ:
        return subprocess.call(stage.command, cwd=root)
    from adgps_bringup.domain import free_domain

    with free_domain() as domain_id:
        environment = {**os.environ, "ROS_DOMAIN_ID": str(domain_id)}
        return subprocess.call(stage.command, cwd=root, env=environment)


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
    failed = [stage.name for stage in plan(ROOT, arguments.quick, options) if not run(stage, ROOT)]
    print(f"\n=== everything in {time.monotonic() - start:.0f} s:", end=" ")
    print(f"FAILED: {', '.join(failed)}" if failed else "passed")
    return 1 if failed else 0


def _absolute(option: str) -> str:
    """Path of the user's folder as seen from any other; an option stays what it is."""
    path, separator, rest = option.partition("::")
    return f"{Path(path).resolve()}{separator}{rest}" if Path(path).exists() else option


if __name__ == "__main__":
    sys.exit(main())
