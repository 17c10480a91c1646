"""The parameter server over real ROS: refusals, exactly-once pushes, crashes and checkpoints."""

import signal
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from server_process import ServerClient, ServerProcess

from adgps_core.conversions.messages import global_policy_from_msg, version_from_msg
from adgps_core.global_policy import Architecture, PolicyVersion
from adgps_core.tasks import make_task
from adgps_msgs.srv import PushGradient
from adgps_param_server.checkpoints import CheckpointFolder, load_policy
from adgps_param_server.pushes import PushCode

TASK = make_task("reach")
SIZE = Architecture(TASK.dim_o, TASK.dim_u, (8,)).size
ONES = array("f", [1.0] * SIZE)


@pytest.fixture
def client() -> Iterator[ServerClient]:
    """Join the graph, and leave it."""
    made = ServerClient()
    yield made
    made.close()


@pytest.fixture
def servers() -> Iterator[list[ServerProcess]]:
    """Servers that a test starts; those it leaves behind are killed."""
    started: list[ServerProcess] = []
    yield started
    for server in started:
        server.stop(signal.SIGKILL)


def _start(
    servers: list[ServerProcess], client: ServerClient, tmp_path: Path, **parameters: object
) -> ServerProcess:
    """Start a server on the test's checkpoints and wait until it answers."""
    server = ServerProcess(tmp_path / "checkpoints", tmp_path / "log", **parameters)
    servers.append(server)
    client.wait_for_server()
    return server


def test_codes_are_those_of_the_service() -> None:
    """Every code has its number in PushGradient.srv, and the other way round."""
    constants = {
        name: number
        for name in dir(PushGradient.Response)
        if isinstance(number := getattr(PushGradient.Response, name), int)
    }
    assert constants == {code.name: int(code) for code in PushCode}


def test_what_does_not_fit_is_refused_counted_and_logged(
    servers: list[ServerProcess], client: ServerClient, tmp_path: Path
) -> None:
    """Every refusal has its code and figures, and the next good push is applied."""
    server = _start(servers, client, tmp_path, optimizer="sgd", momentum=0.0, learning_rate=0.5)
    pull = client.push()
    assert pull is not None and pull.error_code == PushCode.PULL_ONLY
    before = global_policy_from_msg(pull.parameters)
    assert before.version == PolicyVersion(1, 0)

    nan = array("f", [*ONES[:-1], float("nan")])
    at = before.version
    for fields, code, figure in [
        ({"gradient": ONES[:-1]}, PushCode.WRONG_SIZE, str(SIZE - 1)),
        ({"gradient": nan}, PushCode.NOT_FINITE, "1 of"),
        ({"gradient": ONES, "version": PolicyVersion(1, 7)}, PushCode.FUTURE_VERSION, "1.7"),
        ({"gradient": ONES, "version": PolicyVersion(0, 3)}, PushCode.OTHER_EPOCH, "0.3"),
        ({"shared_memory": "x:0:1:1"}, PushCode.SHARED_MEMORY, "x:0:1:1"),
    ]:
        refused = client.push(**{"sequence": 1, "version": at, **fields})  # type: ignore[arg-type]
        assert refused is not None
        assert refused.error_code == code and figure in refused.error_msg
        assert version_from_msg(refused.version) == at

    applied = client.push(1, at, ONES)
    assert applied is not None and applied.error_code == PushCode.APPLIED
    after = global_policy_from_msg(applied.parameters)
    assert after.version == PolicyVersion(1, 1)
    np.testing.assert_allclose(after.values, before.values - 0.5, rtol=1e-6)

    for sequence, code in ((1, PushCode.DUPLICATE), (0, PushCode.OUT_OF_ORDER)):
        repeated = client.push(sequence, at, ONES)
        assert repeated is not None and repeated.error_code == code
        assert version_from_msg(repeated.version) == after.version

    assert client.spin_until(lambda: client.diagnostics.get("refused_out_of_order") == "1")
    for code in ("wrong_size", "not_finite", "future_version", "other_epoch", "shared_memory"):
        assert client.diagnostics[f"refused_{code}"] == "1"
    assert client.diagnostics["updates"] == client.diagnostics["duplicates"] == "1"
    assert "WRONG_SIZE" in server.log.read_text()


def test_newest_policy_is_published_at_most_twice_a_second(
    servers: list[ServerProcess], client: ServerClient, tmp_path: Path
) -> None:
    """Also to whoever comes late; and at once when a checkpoint is asked for."""
    _start(servers, client, tmp_path)
    assert client.spin_until(lambda: len(client.policies) == 1)
    begin = time.monotonic()
    sequence = 0
    while time.monotonic() < begin + 2.0:
        sequence += 1
        assert client.push(sequence, PolicyVersion(1, sequence - 1), ONES) is not None
    response = client.checkpoint()
    elapsed = time.monotonic() - begin
    assert response.success and f"1.{sequence}" in response.message
    newest = PolicyVersion(1, sequence)
    assert client.spin_until(lambda: version_from_msg(client.policies[-1].version) == newest)
    assert 3 <= len(client.policies) <= 2 * elapsed + 3
    sent = len(client.policies) - 1  # the first one was there before its subscriber
    assert client.spin_until(lambda: int(client.diagnostics.get("policies_sent", 0)) >= sent)
    assert int(client.diagnostics["policies_sent"]) <= 2 * elapsed + 3
    late = ServerClient()
    assert late.spin_until(lambda: len(late.policies) == 1)
    assert version_from_msg(late.policies[0].version) == newest
    late.close()
    assert load_policy(tmp_path / "checkpoints").version == newest


def test_kill_minus_nine_loses_a_window_and_doubles_nothing(
    servers: list[ServerProcess], client: ServerClient, tmp_path: Path
) -> None:
    """Killed at random times and resumed, every surviving update was applied exactly once.

    With SGD at rate 1 on gradients of ones, the policy parameters count the updates in them.
    """
    period = 0.3
    settings = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.0, "resume": True}
    rng = np.random.default_rng()
    acknowledged: dict[PolicyVersion, float] = {}  # when each version was acknowledged
    sequence, initial = 0, None
    version = PolicyVersion()
    for epoch in (1, 2, 3):
        server = _start(servers, client, tmp_path, checkpoint_period=period, **settings)
        pull = client.push()
        assert pull is not None
        policy = global_policy_from_msg(pull.parameters)
        initial = policy.values if initial is None else initial
        assert policy.version.epoch == epoch
        np.testing.assert_allclose(policy.values, initial - policy.version.counter, atol=1e-3)
        if epoch > 1:
            lost = [v for v in acknowledged if v.counter > policy.version.counter]
            window = max(acknowledged.values()) - min(
                (acknowledged[v] for v in lost), default=np.inf
            )
            assert window < period + 0.5  # the period, and the time to write
            old = client.push(sequence, version, ONES)
            assert old is not None
            survived = version.counter <= policy.version.counter
            expected = PushCode.DUPLICATE if survived else PushCode.OTHER_EPOCH
            assert old.error_code == expected
            if lost:
                count = len(lost)
                assert client.spin_until(
                    lambda count=count: int(client.diagnostics.get("lost_updates", 0)) >= count
                )
            acknowledged = {}
        version = policy.version
        end = time.monotonic() + rng.uniform(0.5, 1.5)
        while time.monotonic() < end:
            sequence += 1
            reply = client.push(sequence, version, ONES)
            assert reply is not None and reply.error_code == PushCode.APPLIED
            assert reply.version.counter == version.counter + 1
            version = version_from_msg(reply.version)
            acknowledged[version] = time.monotonic()
        server.stop(signal.SIGKILL)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    servers: list[ServerProcess], client: ServerClient, tmp_path: Path
) -> None:
    """The newest, damaged, is refused in the log, and the server resumes from the one before."""
    first = _start(servers, client, tmp_path)
    assert client.push(1, PolicyVersion(1, 0), ONES) is not None
    assert client.checkpoint().success
    assert client.push(2, PolicyVersion(1, 1), ONES) is not None
    assert first.stop() == 0  # writes the last one
    newest = CheckpointFolder(tmp_path / "checkpoints").files[0]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 0x10
    newest.write_bytes(content)

    second = _start(servers, client, tmp_path, resume=True)
    pull = client.push()
    assert pull is not None and version_from_msg(pull.version) == PolicyVersion(2, 1)
    log = second.log.read_text()
    assert "checkpoint refused" in log and newest.name in log


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"task": "dance"}, "dance"),
        ({"optimizer": "lbfgs"}, "lbfgs"),
        ({"learning_rate": -1.0}, "learning_rate"),
    ],
)
def test_wrong_parameters_end_the_server_with_one_line(
    servers: list[ServerProcess], tmp_path: Path, parameters: dict[str, object], reason: str
) -> None:
    """Exit status 2, and the last line says why."""
    server = ServerProcess(None, tmp_path / "log", **parameters)
    servers.append(server)
    assert server.process.wait(30.0) == 2
    lines = server.log.read_text().strip().splitlines()
    assert lines[-1].startswith("param_server:") and reason in lines[-1]
    assert "Traceback" not in "".join(lines)
