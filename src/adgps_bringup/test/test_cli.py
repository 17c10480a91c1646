"""Wrong arguments are answered at once: one line, exit status 2, and nothing is made."""

import io
from pathlib import Path

import pytest
from bag_samples import DIAGNOSTICS, message, write

from adgps_bringup.cli import main


def refuse(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run the command line, which must refuse; the line."""
    try:
        status: object = main([str(argument) for argument in arguments])
    except SystemExit as ended:  # argparse's way
        status = ended.code
    assert status == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "unknown task 'fly', known: reach"),
        (["reach", "--robots", "0"], "robots must be between 1 and 8, not 0"),
        (["reach", "--robots", "9"], "robots must be between 1 and 8, not 9"),
        (["reach", "--robots", "abc"], "invalid int value: 'abc'"),
        (["reach", "--method", "guess"], "unknown method 'guess', known: badmm, mdgps"),
        (["reach", "--optimizer", "x"], "unknown optimizer 'x', known: lqr, pi2"),
        (["reach", "--mode", "often"], "unknown mode 'often', known: async, sync"),
        (["reach", "--global-workers", "0"], "global_workers must be between 1 and"),
        (["reach", "--iterations", "0"], "iterations must be between 1 and 100000, not 0"),
        (["reach", "--seed", "-1"], "seed must be between 0 and 2147483647, not -1"),
        (["reach", "--real-time-factor", "-1"], "real_time_factor must be 0 (lock-step) or"),
        (["reach", "--storage", "csv"], "unknown storage 'csv', known: mcap, sqlite3"),
        (["reach", "--record", "--record-all"], "not allowed with argument"),
        (["reach", "--from-bag", "absent"], "absent does not exist"),
        (["reach", "--from-bag", "."], "there is no bag in ."),
        (["reach", "--from-bag", ".", "--resume"], "--from-bag begins a new run, --resume goes on"),
        (["reach", "--speed", "3"], "unrecognized arguments: --speed 3"),
        (["reach", "--config", "absent.yaml"], "absent.yaml: No such file or directory"),
        (["reach", "--robots-file", "absent.yaml"], "absent.yaml: No such file or directory"),
        (["reach", "--robots-file", "absent.yaml", "--robots", "2"], "--robots is for simulated"),
        (["reach", "--role", "robot"], "role and host are for real robots"),
        ([], "the following arguments are required: task"),
    ],
)
def test_train(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refuse(capsys, "train", *arguments)
    assert line.startswith("adgps") and said in line
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the task, door, or a folder to go on in: --resume RUN"),
        (["fly"], "unknown task 'fly'"),
        (["reach"], "reach has nothing to see, only door"),
        (["door", "--robots", "0"], "robots must be between 1 and 8, not 0"),
        (["door", "--seed", "-1"], "seed must be between 0 and 2147483647, not -1"),
        (["door", "--preset", "slow"], "unknown preset 'slow', known: full, quick"),
        (["door", "--device", "tpu"], "unknown device 'tpu', known: cpu, cuda"),
        (["door", "--demo", "absent"], "absent does not exist"),
        (["--resume", "."], "is no pre-training's folder: it has no options.json"),
        (["door", "--resume", "."], "--resume goes on with what is there: leave out task"),
        (["--robots", "2", "--out", "x", "--resume", "."], "leave out --robots, --out"),
    ],
)
def test_pretrain(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refuse(capsys, "pretrain", *arguments)
    assert line.startswith("adgps") and said in line
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["record", "."], "is not a run's folder: it has no .lock"),
        (["record", ".", "--storage", "csv"], "invalid choice: 'csv'"),
        (["record", ".", "--topics", "a", "--all"], "not allowed with argument"),
        (["record"], "give the folder of a run that is going on, or --demo BAG --task TASK"),
        (["record", ".", "--demo", "new"], "RUN and --demo do not go together"),
        (["record", "--all", "--demo", "new"], "--all and --demo do not go together"),
        (["record", "--demo", "new"], "--demo needs --task TASK"),
        (["record", "--demo", "bag", "--task", "reach"], "bag is there already: name a new bag"),
        (["record", "--demo", "new", "--task", "fly"], "unknown task 'fly', known: reach"),
        (
            ["record", "--demo", "new", "--task", "reach", "--instance", "training/8"],
            "reach has no instance 'training/8'; it has training/0 to training/7",
        ),
        (
            ["record", "--demo", "new", "--task", "reach", "--real-time-factor", "0"],
            "--real-time-factor must be from 0.01 to 100, not 0",
        ),
        (
            ["record", "--demo", "new", "--task", "reach", "--robots-file", "absent.yaml"],
            "absent.yaml: No such file or directory",
        ),
        (["replay", "absent"], "absent does not exist"),
        (["replay", ".."], "there is no bag in"),
        (["replay", "bag", "--rate", "0"], "--rate must be from 0.001 to 1000, not 0.0"),
        (["replay", "bag", "--topics", "("], "'(' is no regular expression"),
        (["replay", "bag", "--on-sim", "--limit", "0"], "--limit must be at least 1, not 0"),
        (["replay", "bag", "--on-sim"], "bag holds no optimized_trajectories"),
    ],
)
def test_bags(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "bag", "mcap", [message(DIAGNOSTICS, 0)])
    line = refuse(capsys, *arguments)
    assert line.startswith("adgps") and said in line
    assert not (tmp_path / "new").exists()


def test_demonstrations_on_a_real_arm(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which arm must be clear, and somebody has to press Enter."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (tmp_path / "arm.urdf").write_text("<robot/>")
    robots = tmp_path / "robots.yaml"
    arms = [
        f"{{namespace: /{n}, urdf: arm.urdf, joint_states: /{n}/s, commands: /{n}/c}}" for n in "ab"
    ]
    demo = ["record", "--demo", tmp_path / "new", "--task", "reach", "--robots-file", robots]
    robots.write_text(f"robots: [{', '.join(arms)}]")
    assert "name one robot with --robot, known: a, b" in refuse(capsys, *demo)
    assert f"no robot 'c' in {robots}, known: a, b" in refuse(capsys, *demo, "--robot", "c")
    assert "need a terminal" in refuse(capsys, *demo, "--robot", "/b")
    robots.write_text(f"robots: [{arms[0]}]")
    assert "need a terminal" in refuse(capsys, *demo)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not YAML"),
        ("", "is not a ROS parameter file"),
        ("/**/local_worker: {samples: 3}", "has no ros__parameters"),
        ("/**/nobody: {ros__parameters: {samples: 3}}", "/**/nobody is no node of this stack"),
    ],
)
def test_train_with_a_bad_parameter_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    config, run = tmp_path / "a.yaml", tmp_path / "run"
    config.write_text(text)
    line = refuse(capsys, "train", "reach", "--run", run, "--config", config)
    assert line.startswith(f"adgps train: {config}") and said in line
    assert not run.exists()


def test_train_into_a_folder_that_cannot_be_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "is not a folder" in refuse(capsys, "train", "reach", "--run", file)
    line = refuse(capsys, "train", "reach", "--run", file / "run")
    assert f"cannot write to {file}/run: {file} is not a folder" in line
    line = refuse(capsys, "train", "reach", "--run", tmp_path)
    assert "is not empty: give --resume to go on, or another --run" in line
    assert [*tmp_path.iterdir()] == [file]


def test_resume_what_is_no_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "--resume needs --run DIR" in refuse(capsys, "train", "reach", "--resume")
    line = refuse(capsys, "train", "reach", "--resume", "--run", tmp_path / "absent")
    assert "is not a run's folder: it has no config.yaml" in line


@pytest.mark.parametrize(
    "text",
    ["", "3", "options: 3", "options: {task: reach}", "options: {parameter_files: 3}", "a: [",
     "options: {task: fly, parameter_files: []}", "options: {speed: 3, parameter_files: []}"],
)  # fmt: skip
def test_resume_with_a_broken_configuration(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    (tmp_path / "config.yaml").write_text(text)
    line = refuse(capsys, "train", "reach", "--resume", "--run", tmp_path)
    assert f"{tmp_path / 'config.yaml'} cannot be used: " in line


def test_resume_as_another_experiment(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What makes the experiment stays; the seed, for example."""
    (tmp_path / "config.yaml").write_text("options: {task: reach, seed: 4, parameter_files: []}")
    line = refuse(capsys, "train", "reach", "--resume", "--run", tmp_path, "--seed", 5)
    assert "was started with seed 4, not 5" in line


def test_ctrl_c_before_anything_was_started(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("adgps_bringup.commands.train.choose", interrupt)
    assert main(["train", "reach"]) == 130
    assert capsys.readouterr().err == "adgps train: stopped by SIGINT\n"


@pytest.mark.parametrize("arguments", [["juggle"], []])
def test_verbs(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert refuse(capsys, *arguments).startswith("adgps: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance", "/robot_1"], "unknown action 'dance', known: arm, trip, clear, confirm"),
        (["arm"], "the following arguments are required: NAMESPACE"),
    ],
)
def test_robot(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert said in refuse(capsys, "robot", *arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--split", "test", "--trials", "2"], "not allowed with"),
        (["--trials", "0"], "--trials must be from 1 to 10000, not 0"),
        (["--trials", "2", "--name", "../a"], "--name must be letters, digits, dots and dashes"),
        (["--trials", "2", "--name", ".."], "--name must be letters, digits, dots and dashes"),
        (["--trials", "2", "--perturbation", "-1"], "--perturbation must be from 0 to 1 rad"),
        (["--trials", "2", "--perturbation", "nan"], "--perturbation must be from 0 to 1 rad"),
        (["--handle", "1"], "--handle goes with --trials"),
        (["--film"], "--film goes with --trials"),
        (["--camera", "away", "--camera-shift", "0", "0", "1"], "not allowed with"),
        (["--camera", "lowered"], "sees nothing: it was trained without --vision"),
        (["--trials", "2"], "holds no policy: "),
    ],
)
def test_evaluate(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "config.yaml").write_text("options: {task: reach, parameter_files: []}")
    assert said in refuse(capsys, "evaluate", tmp_path, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_cameras_have_names(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    options = "{task: door, vision: /a, demo: /b, parameter_files: []}"
    (tmp_path / "config.yaml").write_text(f"options: {options}")
    line = refuse(capsys, "evaluate", tmp_path, "--camera", "upside_down")
    assert "unknown camera 'upside_down', known: lowered, away" in line
    line = refuse(capsys, "evaluate", tmp_path, "--camera-shift", 0, 0, -3)
    assert "three numbers of at most 1 m" in line
