"""Shared memory is offered, used once the server has answered in it, and left when it fails."""

import errno
import os

import numpy as np
import pytest

from adgps_core.global_policy import PolicyVersion
from adgps_core.shared_block import OWNER, PEER, Descriptor, SharedBlock, SharedBlockError
from adgps_global_worker.exchange import Push
from adgps_global_worker.server_memory import ServerMemory

P = 50
VERSION = PolicyVersion(1, 0)
ONES = np.ones(P, np.float32)


def push(sequence: int) -> Push:
    return Push(sequence, VERSION, ONES * np.float32(sequence))


def unheard(_: str) -> None:
    raise AssertionError("nothing to say")


class Server:
    """Stands in for a server on the same host."""

    def __init__(self) -> None:
        self.block: SharedBlock | None = None

    def answer(self, descriptor: str, values: np.ndarray) -> str:
        where = Descriptor.parse(descriptor)
        if self.block is None:
            self.block = SharedBlock.open(where.name)
        return str(self.block.write(PEER, values))

    def gradient(self, descriptor: str) -> np.ndarray:
        assert self.block is not None
        return self.block.view(OWNER, Descriptor.parse(descriptor))


def begun() -> tuple[ServerMemory, Server]:
    """Memory that the server has answered in."""
    memory, server = ServerMemory(unheard), Server()
    assert memory.send(push(1))[1] == ""  # how much is needed is not known yet
    assert memory.receive("", P) is None
    gradient, offer = memory.send(push(2))
    assert len(gradient) == P and Descriptor.parse(offer).count == 0 and not memory.shared
    values = memory.receive(server.answer(offer, 3 * ONES), P)
    np.testing.assert_array_equal(values, 3 * ONES)
    assert memory.shared
    return memory, server


def test_the_first_answer_in_the_memory_takes_gradients_there() -> None:
    """And policy parameters are read where they lie."""
    memory, server = begun()
    gradient, descriptor = memory.send(push(3))
    assert len(gradient) == 0
    np.testing.assert_array_equal(server.gradient(descriptor), 3 * ONES)
    values = memory.receive(server.answer(descriptor, 4 * ONES), P)
    assert values is not None and not values.flags.writeable
    np.testing.assert_array_equal(values, 4 * ONES)


def test_a_push_that_is_sent_again_is_not_written_again() -> None:
    """The server may be reading it."""
    memory, server = begun()
    first = memory.send(push(3))[1]
    assert memory.send(push(3))[1] == first
    np.testing.assert_array_equal(server.gradient(first), 3 * ONES)
    assert memory.send(push(4))[1] != first
    with pytest.raises(SharedBlockError):
        server.gradient(first)


@pytest.mark.parametrize("how", ["answered in a message", "refused"])
def test_gradients_go_in_messages_when_the_memory_fails(how: str) -> None:
    """Until the server answers in it again."""
    memory, server = begun()
    memory.send(push(3))
    if how == "refused":
        memory.refuse()
    else:
        assert memory.receive("", P) is None
    gradient, offer = memory.send(push(3))
    assert len(gradient) == P and not memory.shared
    memory.receive(server.answer(offer, ONES), P)
    assert len(memory.send(push(4))[0]) == 0


def test_gradients_of_parameters_that_changed_meanwhile_are_known() -> None:
    """Late answers overwrote what a gradient was computed at; sent again, it is not asked."""
    memory, server = begun()
    assert memory.held(push(3)) == ""
    descriptor = memory.send(push(3))[1]
    server.answer(descriptor, ONES)
    assert memory.held(push(4)) == ""  # the one before the newest answer still holds
    late = server.answer(descriptor, ONES)
    assert memory.held(push(3)) == ""
    assert "written anew" in memory.held(push(4))
    assert memory.receive(late, P) is not None
    assert memory.held(push(4)) == ""


def test_an_answer_that_was_overwritten_is_no_answer() -> None:
    """The push is repeated then."""
    memory, server = begun()
    descriptor = memory.send(push(3))[1]
    first = server.answer(descriptor, ONES)
    for _ in range(2):
        server.answer(descriptor, 2 * ONES)
    with pytest.raises(SharedBlockError, match="written anew"):
        memory.receive(first, P)


def test_fetches_and_other_sizes_need_no_memory() -> None:
    """A fetch offers it; a policy of another size gets other memory."""
    memory, _ = begun()
    gradient, offer = memory.send(Push.fetch(VERSION))
    assert len(gradient) == 0 and Descriptor.parse(offer).count == 0
    assert memory.receive("", P + 1) is None
    assert Descriptor.parse(memory.send(push(3))[1]).name != Descriptor.parse(offer).name


def test_without_memory_all_goes_in_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once."""

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    said: list[str] = []
    memory = ServerMemory(said.append)
    monkeypatch.setattr(os, "posix_fallocate", full)
    for sequence in (1, 2):
        gradient, descriptor = memory.send(push(sequence))
        assert len(gradient) == P and descriptor == ""
        memory.receive("", P)
    assert said == [f"no shared memory for {P} policy parameters: No space left on device"]
