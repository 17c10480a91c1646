"""Definitions of message types as bags embed them, so that others can read them without ours.

Every ROS package installs, beside the .msg files, a description of each type in JSON, with its
hash and the types that it refers to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from adgps_bringup.bags.topic import BagError
from adgps_bringup.resources import share_folder

_SEPARATOR = "=" * 80


@dataclass(frozen=True)
class Definition:
    """Text of a message type and of all that it refers to, and its hash."""

    text: str = field(repr=False)
    type_hash: str


@cache
def define(type_name: str) -> Definition:
    """Definition of a type such as "std_msgs/msg/String".

    Raises
    ------
    BagError
        If its package is not installed.
    """
    try:
        content = json.loads(_file(type_name, ".json").read_text(encoding="utf-8"))
        description = content["type_description_msg"]
        others = [item["type_name"] for item in description["referenced_type_descriptions"]]
        hashes = {item["type_name"]: item["hash_string"] for item in content["type_hashes"]}
        texts = [_file(type_name, ".msg").read_text(encoding="utf-8")]
        for other in others:
            text = _file(other, ".msg").read_text(encoding="utf-8")
            texts += [_SEPARATOR, f"MSG: {other.replace('/msg/', '/')}", text]
        return Definition("\n".join(texts), hashes[type_name])
    except (OSError, ValueError, KeyError) as error:
        raise BagError(f"the definition of {type_name} is not installed: {error}") from error


def _file(type_name: str, suffix: str) -> Path:
    """File of a type in its package's share folder."""
    package, _, name = type_name.partition("/")
    return share_folder(package) / f"{name}{suffix}"
