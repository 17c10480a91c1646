"""Parameter files are resolved as rcl resolves them, and bad ones named."""

from pathlib import Path

import pytest
import yaml

from adgps_bringup import parameter_files
from adgps_bringup.description import NodeDescription
from adgps_bringup.parameter_files import ParameterFileError, check_files, dump, matches, resolve


def node(*files: Path, **parameters: object) -> NodeDescription:
    return NodeDescription("p", "e", ("local_worker",), "/robot_1", parameters, files)  # type: ignore[arg-type]


def write(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("/**", "/robot_1/local_worker", True),
        ("/**/local_worker", "/robot_1/local_worker", True),
        ("/**/local_worker", "/local_worker", True),
        ("/*/local_worker", "/robot_1/local_worker", True),
        ("/*/local_worker", "/local_worker", False),
        ("/robot_*/local_worker", "/robot_7/local_worker", True),
        ("/local_worker", "/robot_1/local_worker", False),
        ("local_worker", "/local_worker", True),
        ("/**/local", "/robot_1/local_worker", False),
    ],
)
def test_wildcards(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


def test_later_entries_and_files_win_and_the_description_wins_over_all(tmp_path: Path) -> None:
    first = write(
        tmp_path,
        "/**/local_worker: {ros__parameters: {a: 1, b: 1, c: {d: [1.0, 2.0]}}}\n"
        "/**: {ros__parameters: {b: 2}}\n"
        "/robot_2: {local_worker: {ros__parameters: {a: 9}}}\n",
    )
    second = write(tmp_path, "/robot_1/local_worker: {ros__parameters: {e: x, f: y}}", "b.yaml")
    resolved = resolve(node(first, second, f="z", g=("t",)))
    assert resolved == {
        "/robot_1/local_worker": {
            "a": 1, "b": 2, "c.d": [1.0, 2.0], "e": "x", "f": "z", "g": ["t"],
        }
    }  # fmt: skip


def test_what_is_written_resolves_to_itself(tmp_path: Path) -> None:
    resolved = resolve(node(name="true", number="1e3", flag=True, items=("a", "b"), empty=""))
    path = write(tmp_path, dump(resolved))
    assert resolve(node(path)) == resolved
    assert yaml.safe_load(path.read_text())["/robot_1/local_worker"]["ros__parameters"]


def test_numbers_are_what_they_are_to_ros(tmp_path: Path) -> None:
    """With an exponent and without a point, too; in quotes they are text."""
    text = "/n: {ros__parameters: {a: 1e-3, b: -2E+4, c: 5, d: 0.5, e: '1e-3', f: [1e1, 2.0]}}"
    ((_, values),) = parameter_files.load(write(tmp_path, text))
    expected = {"a": 1e-3, "b": -2e4, "c": 5, "d": 0.5, "e": "1e-3", "f": [10.0, 2.0]}
    assert values == expected
    assert {key: type(value) for key, value in values.items()} == {
        key: type(value) for key, value in expected.items()
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "is not YAML: .*, line"),
        ("", "no node"),
        ("- 1", "no node"),
        ("/n: 1", "no ros__parameters"),
        ("/n: {ros__parameters: {a: null}}", "a has no value"),
        ("/n: {ros__parameters: {a: [1, x]}}", "a has no value"),
        ("\x00", "is not YAML"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ParameterFileError, match=said) as caught:
        parameter_files.load(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ParameterFileError, match=r"cannot read .*No such file"):
        parameter_files.load(tmp_path / "absent.yaml")


def test_a_file_that_means_no_node_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "/**/locall_worker: {ros__parameters: {a: 1}}")
    with pytest.raises(ParameterFileError, match="/\\*\\*/locall_worker is no node"):
        check_files([node(path)])
