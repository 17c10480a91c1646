"""The example on the page of the mathematics runs and learns."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adgps_local_worker.lqr import LinearDynamics, backward_pass, expected_cost, forward_pass

PAGE = Path(__file__).parents[1] / "doc" / "mathematics.md"


def test_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Costs fall to the optimum, and arrays have the shapes that its comments name."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    costs = np.array(capsys.readouterr().out.split(), dtype=np.float64)
    assert len(costs) == 10 and costs[0] > 1.4 * costs[-1]
    fitted, cost = names["dynamics"], names["cost"]
    assert (fitted.F.shape, fitted.f.shape) == ((20, 2, 3), (20, 2))
    assert fitted.covariance.shape == (20, 2, 2)
    assert names["policy"].K.shape == (20, 1, 2)
    true = LinearDynamics(
        np.tile([[1.0, 0.1, 0.0], [0.0, 1.0, 0.1]], (20, 1, 1)),
        np.zeros((20, 2)),
        np.zeros((20, 2, 2)),
        np.zeros(2),
        np.zeros((2, 2)),
    )
    best = backward_pass(true, cost, np.full(20, 1e-9)).policy
    assert costs[-1] == pytest.approx(expected_cost(cost, forward_pass(true, best)).sum(), rel=0.01)
