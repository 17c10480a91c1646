"""What the packages' READMEs say is so: their Python runs, their parameters are the nodes'."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
READMES = sorted(ROOT.glob("src/*/README.md"))
DECLARING = {
    "global_worker": "adgps_global_worker.nodes.parameters",
    "local_worker": "adgps_local_worker.nodes.parameters",
    "param_server": "adgps_param_server.nodes.parameters",
    "camera_driver": "adgps_robot.nodes.camera_driver",
    "feature_extractor": "adgps_robot.nodes.feature_extractor",
    "imu_driver": "adgps_robot.nodes.imu_driver",
    "reset_server": "adgps_robot.nodes.reset_parameters",
    "torque_controller": "adgps_robot.nodes.parameters",
    "torque_gate": "adgps_robot.nodes.gate_parameters",
    "sim_robot": "adgps_sim.nodes.sim_robot",
}
"""Modules whose function `declare` declares the parameters of a node."""

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## Node `([a-z_]+)`.*\n((?:(?!## ).*\n)*)", re.MULTILINE)
_ROW = re.compile(r"^\| `([a-z_.]+)` \| `([^`]*)` \|", re.MULTILINE)


class _Recorder:
    """Stands in for a node, and remembers what is declared."""

    def __init__(self) -> None:
        self.declared: dict[str, tuple[Any, Any]] = {}

    def declare_parameter(self, name: str, default: Any, descriptor: Any) -> None:
        self.declared[name] = (default, descriptor)


def _declared(name: str) -> dict[str, tuple[Any, Any]]:
    """Default and descriptor of every parameter of a node, by name."""
    node = _Recorder()
    import_module(DECLARING[name]).declare(node)
    return node.declared


def _sections(package: str) -> dict[str, str]:
    """Text on each node of a package, by its name."""
    text = (ROOT / "src" / package / "README.md").read_text(encoding="utf-8")
    return {match[1]: match[2] for match in _SECTION.finditer(text)}


def _blocks(readme: Path) -> Iterator[str]:
    """Blocks of Python, each moved down so that errors name the README's line."""
    text = readme.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        yield "\n" * (text[: match.start()].count("\n") + 1) + match[1]


@pytest.mark.parametrize(
    "readme", [path for path in READMES if any(_blocks(path))], ids=lambda path: path.parent.name
)
def test_python_runs(readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, in one namespace, in a folder of its own; what it asserts holds."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": f"readme_of_{readme.parent.name}"}
    for block in _blocks(readme):
        exec(compile(block, str(readme), "exec"), namespace)


@pytest.mark.parametrize("node", DECLARING)
def test_parameters_are_the_nodes(node: str) -> None:
    """Every parameter in a table exists, with the default that stands there."""
    text = _sections(DECLARING[node].partition(".")[0])[node]
    rows = {name: yaml.safe_load(default) for name, default in _ROW.findall(text)}
    declared = {name: default for name, (default, _) in _declared(node).items()}
    assert rows
    assert rows == {name: declared.get(name, "not declared") for name in rows}


@pytest.mark.parametrize("node", DECLARING)
def test_every_parameter_is_described(node: str) -> None:
    """With a sentence, and numbers with a range that their defaults lie in."""
    for name, (default, descriptor) in _declared(node).items():
        assert descriptor.description.endswith("."), name
        numbers = [number for number in _flat(default) if type(number) in (int, float)]
        ranges = (*descriptor.integer_range, *descriptor.floating_point_range)
        assert len(ranges) == (1 if numbers else 0), name
        for number in numbers:
            assert ranges[0].from_value <= number <= ranges[0].to_value, name


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
