"""ROS parameter files, read and resolved as rcl does, so that a run can say what its nodes got.

/**/local_worker:            which nodes: a full name, * for one part, ** for any number
  ros__parameters:
    samples: 5
    step: {initial: 1.0}     the parameter step.initial
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from adgps_bringup.description import NodeDescription

_KEY = "ros__parameters"


class _Loader(yaml.SafeLoader):
    """Reads numbers as rcl does: 1e-3 is one, which YAML 1.1 takes for text."""


class _Dumper(yaml.SafeDumper):
    """Writes text that looks like such a number in quotes."""


for _each in (_Loader, _Dumper):
    _each.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


class ParameterFileError(ValueError):
    """A parameter file cannot be used; the message names it and says why."""


@cache
def load(path: Path) -> tuple[tuple[str, dict[str, object]], ...]:
    """Read a file into (pattern of the nodes' full names, flat parameters), in file order."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ParameterFileError(f"cannot read {path}: {reason}") from error
    except yaml.YAMLError as error:
        raise ParameterFileError(f"{path} is not YAML: {one_line(error)}") from error
    if not isinstance(content, dict) or not content:
        raise ParameterFileError(f"{path} is not a ROS parameter file: no node in it")
    return tuple(_sections(path, "", content))


def one_line(error: yaml.YAMLError) -> str:
    """Say what is wrong with a YAML text and where, in one line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem}, line {mark.line + 1}" if mark is not None else str(problem)


def _sections(path: Path, prefix: str, content: Mapping[Any, Any]) -> Iterable[Any]:
    """Walk nested namespaces down to their ros__parameters."""
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, dict):
            raise ParameterFileError(
                f"{path} is not a ROS parameter file: {prefix}/{key} has no {_KEY}"
            )
        if key == _KEY:
            yield prefix, dict(_flatten(path, "", value))
        else:
            yield from _sections(path, f"{prefix}/{key.strip('/')}", value)


def _flatten(path: Path, prefix: str, values: Mapping[Any, Any]) -> Iterable[tuple[str, object]]:
    """Turn nested maps into dotted parameter names."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(path, f"{name}.", value)
        elif isinstance(value, bool | int | float | str) or _is_sequence(value):
            yield name, value
        else:
            raise ParameterFileError(f"{path}: {name} has no value that a ROS parameter can have")


def _is_sequence(value: object) -> bool:
    """Whether a list is one of a single type, as ROS parameters are."""
    return (
        isinstance(value, list)
        and bool(value)
        and len({type(item) for item in value}) == 1
        and isinstance(value[0], bool | int | float | str)
    )


def matches(pattern: str, full_name: str) -> bool:
    """Whether a pattern such as "/**/local_worker" means the node of that full name."""
    expression = "".join(
        "(/[^/]+)*" if part == "**" else "/" + re.escape(part).replace(r"\*", "[^/]+")
        for part in pattern.strip("/").split("/")
    )
    return re.fullmatch(expression, full_name) is not None


def resolve(description: NodeDescription) -> dict[str, dict[str, object]]:
    """Parameters of each node of a process, by full node name: the files', then its own."""
    resolved: dict[str, dict[str, object]] = {}
    for name in description.full_node_names:
        values = resolved.setdefault(name, {})
        for path in description.parameter_files:
            for pattern, parameters in load(path):
                if matches(pattern, name):
                    values.update(parameters)
        for key, value in description.parameters.items():
            values[key] = value if isinstance(value, bool | int | float | str) else list(value)
    return resolved


def check_files(descriptions: Iterable[NodeDescription]) -> None:
    """Refuse parameter files that speak of no node of the stack: most likely a misspelt name."""
    descriptions = tuple(descriptions)
    names = [name for item in descriptions for name in item.full_node_names]
    for path in dict.fromkeys(path for item in descriptions for path in item.parameter_files):
        for pattern, _ in load(path):
            if not any(matches(pattern, name) for name in names):
                raise ParameterFileError(f"{path}: {pattern} is no node of this stack")


def dump(resolved: Mapping[str, Mapping[str, object]]) -> str:
    """Write resolved parameters as a ROS parameter file."""
    content = {name: {_KEY: dict(values)} for name, values in resolved.items()}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=100)
