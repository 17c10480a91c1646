"""Gradients in shared memory are applied whole or not at all, and answered where they are."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from server_fixtures import P, fresh_server, make_push

from adgps_core.shared_block import OWNER, PEER, Descriptor, SharedBlock, SharedBlockError
from adgps_param_server.optimizers import Kind
from adgps_param_server.pushes import Push, PushCode
from adgps_param_server.server import ParameterServer
from adgps_param_server.worker_memory import WorkerMemory

ONES = np.ones(P, np.float32)


@pytest.fixture
def worker() -> Iterator[SharedBlock]:
    made = SharedBlock.create(P)
    yield made
    made.close()


def shared_push(
    server: ParameterServer, memory: WorkerMemory, descriptor: Descriptor, sequence: int = 0
) -> Push:
    """Push whose gradient is where a descriptor says, as the service makes it."""
    found = memory.gradient(str(descriptor))
    assert found is not None
    gradient, check = found
    return replace(make_push(server, sequence, gradient=gradient), check=check)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_gradient_in_shared_memory_is_as_good_as_one_in_a_message(
    worker: SharedBlock, kind: Kind
) -> None:
    """Bit for bit, with the answer computed in the worker's memory or copied there."""
    inline, shared, memory = fresh_server(kind=kind), fresh_server(kind=kind), WorkerMemory()
    rng = np.random.default_rng(0)
    for sequence in range(5):
        gradient = rng.standard_normal(P).astype(np.float32)
        inline.push(make_push(inline, sequence, gradient=gradient))
        descriptor = worker.write(OWNER, gradient)
        room = memory.room(str(descriptor), P)
        assert room is not None
        push = shared_push(shared, memory, descriptor, sequence)
        assert shared.push(replace(push, room=room.begin)).code is PushCode.APPLIED
        answer = Descriptor.parse(room.finish(shared.values))
        np.testing.assert_array_equal(worker.view(PEER, answer), inline.values)
        if sequence % 2:
            shared.settle()
        np.testing.assert_array_equal(shared.policy.values, inline.policy.values)
    shared.settle()
    server_end = memory.room(str(descriptor), P)
    assert server_end is not None
    for _ in range(2):
        server_end.finish(np.zeros(P, np.float32))  # from now on the server has its own
    np.testing.assert_array_equal(shared.values, inline.values)


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_a_gradient_that_changes_while_it_is_applied_is_not(
    worker: SharedBlock, kind: Kind
) -> None:
    """It is refused with the reason, nothing has moved, and the next one is applied."""
    server, memory = fresh_server(kind=kind), WorkerMemory()
    server.push(make_push(server, 0))
    before, version = server.values.copy(), server.version
    state = {name: array.copy() for name, array in server.snapshot().optimizer_state.items()}
    push = shared_push(server, memory, worker.write(OWNER, ONES), 1)
    newer = worker.write(OWNER, 2 * ONES)
    room = memory.room(str(newer), P)
    assert room is not None
    refused = server.push(replace(push, room=room.begin))
    assert refused.code is PushCode.SHARED_MEMORY and "written anew" in refused.reason
    assert server.version == version and server.statistics.counts[refused.code] == 1
    np.testing.assert_array_equal(server.values, before)
    for name, array in server.snapshot().optimizer_state.items():
        np.testing.assert_array_equal(array, state[name])
    answer = Descriptor.parse(room.finish(server.values))
    np.testing.assert_array_equal(worker.view(PEER, answer), before)
    assert server.push(shared_push(server, memory, newer, 1)).code is PushCode.APPLIED


def test_only_what_can_be_read_is_a_gradient(worker: SharedBlock) -> None:
    """No descriptor, or one that offers room only, is none; a stale or broken one says why."""
    memory = WorkerMemory()
    assert memory.gradient("") is None
    assert memory.gradient(str(Descriptor(worker.name))) is None
    stale = worker.write(OWNER, ONES)
    worker.write(OWNER, ONES)
    for wrong in (str(stale), "x:0:1:1", str(replace(stale, name="0" * 16 + worker.name[16:]))):
        with pytest.raises(SharedBlockError):
            memory.gradient(wrong)


def test_answers_go_in_messages_where_there_is_no_room(worker: SharedBlock) -> None:
    """No memory, somebody else's, on another host, or too little."""
    memory = WorkerMemory()
    elsewhere = "0" * 16 + worker.name[16:]
    for descriptor in ("", "x:0:1:1", str(Descriptor(elsewhere))):
        assert memory.room(descriptor, P) is None
    assert memory.room(str(Descriptor(worker.name)), P + 1) is None
    assert memory.room(str(Descriptor(worker.name)), P) is not None


def test_memory_of_workers_that_are_gone_is_given_up() -> None:
    """At the next look."""
    memory, worker = WorkerMemory(), SharedBlock.create(P)
    memory.gradient(str(worker.write(OWNER, ONES)))
    memory.prune()
    assert memory.workers == 1
    worker.close()
    memory.prune()
    assert memory.workers == 0
