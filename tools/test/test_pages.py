"""What pages say is so: links lead somewhere, Python runs, parameters are the nodes'."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((*ROOT.glob("src/*/README.md"), *ROOT.glob("src/*/doc/*.md")))
EVERY_PAGE = sorted((ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *PAGES))
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
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
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
    folder = ROOT / "src" / package
    texts = [page.read_text(encoding="utf-8") for page in PAGES if page.is_relative_to(folder)]
    return {match[1]: match[2] for text in texts for match in _SECTION.finditer(text)}


def _name(page: Path) -> str:
    """Path from the root."""
    return str(page.relative_to(ROOT))


def _blocks(page: Path) -> Iterator[str]:
    """Blocks of Python, each moved down so that errors name the page's line."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        yield "\n" * (text[: match.start()].count("\n") + 1) + match[1]


def _anchors(page: Path) -> set[str]:
    """What a link can point at within a page, as code hosts make it of headings."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY_PAGE, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file or folder that is there, and to a heading in it."""
    for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in _anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if any(_blocks(page))], ids=_name)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, in one namespace, in a folder of its own; what it asserts holds."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "page"}
    for block in _blocks(page):
        exec(compile(block, str(page), "exec"), namespace)


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
