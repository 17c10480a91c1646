"""What several tests of the parameter server build on."""

import numpy as np

from adgps_core.global_policy import Architecture, GlobalPolicy, PolicyVersion, initial_values
from adgps_param_server.optimizers import OptimizerConfiguration
from adgps_param_server.pushes import Push
from adgps_param_server.server import ParameterServer, ServerState

ARCHITECTURE = Architecture(dim_o=3, dim_u=2, hidden=(4,))
P = ARCHITECTURE.size


def fresh_state(kind: str = "sgd") -> ServerState:
    """Untrained policy, in no epoch yet; SGD without momentum at rate 1 unless told."""
    policy = GlobalPolicy(
        ARCHITECTURE,
        np.zeros(3),
        np.ones(3),
        initial_values(ARCHITECTURE, np.random.default_rng(0)),
    )
    rate, momentum = (1.0, 0.0) if kind == "sgd" else (1e-3, 0.9)
    return ServerState(policy, OptimizerConfiguration(kind, rate, momentum))  # type: ignore[arg-type]


def fresh_server(
    max_staleness: int | None = None, kind: str = "sgd", averaging: float = 1.0
) -> ParameterServer:
    """Build a server in epoch 1."""
    return ParameterServer(fresh_state(kind).in_epoch(1), max_staleness, averaging)


def make_push(
    server: ParameterServer,
    sequence: int = 0,
    *,
    worker: str = "w",
    start_id: int = 1,
    version: PolicyVersion | None = None,
    gradient: np.ndarray | None = None,
    unreadable: str = "",
) -> Push:
    """Push of ones at the server's own version, unless told otherwise."""
    return Push(
        worker=worker,
        start_id=start_id,
        sequence=sequence,
        version=server.policy.version if version is None else version,
        gradient=np.ones(P, np.float32) if gradient is None else gradient,
        loss=1.0,
        unreadable=unreadable,
    )
