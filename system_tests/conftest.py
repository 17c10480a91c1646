"""Commands that tests start, and one trained run that several tests look at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stack_process import StackProcess, TrainProcess

Train = Callable[..., TrainProcess]
Command = Callable[..., StackProcess]


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """Start commands; those that a test leaves running are killed."""
    started: list[StackProcess] = []

    def start(*arguments: object, **settings: Any) -> StackProcess:
        started.append(StackProcess(tmp_path, *arguments, **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def train(tmp_path: Path) -> Iterator[Train]:
    """Start training with tiny settings; what a test leaves running is killed."""
    started: list[TrainProcess] = []

    def start(*arguments: object, **settings: Any) -> TrainProcess:
        started.append(TrainProcess(tmp_path, *arguments, **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainProcess]:
    """A run of two robots from start to end."""
    process = TrainProcess(tmp_path_factory.mktemp("trained"), "--robots", 2)
    try:
        process.succeed()
        yield process
    finally:
        process.kill()
