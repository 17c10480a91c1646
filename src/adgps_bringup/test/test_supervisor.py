"""The supervisor leaves nothing behind, whatever happens; tried with small fake programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adgps_bringup.supervisor import Command, ProcessEndedError, RespawnLimit, Supervisor

SLEEP = "import time\ntime.sleep(60)"
STUBBORN = "import signal, time\nfor s in (2, 15): signal.signal(s, signal.SIG_IGN)\n" + (
    "print('deaf', flush=True)\ntime.sleep(60)"
)
WITH_CHILD = (
    "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time,signal\\n"
    "signal.signal(2, signal.SIG_IGN)\\ntime.sleep(60)'])\n"
    "print(child.pid, flush=True)\nchild.wait()"
)


def program(name: str, code: str, *, required: bool = True, respawn: bool = False) -> Command:
    return Command(
        name, [sys.executable, "-I", "-S", "-c", code], required=required, respawn=respawn
    )


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_all_end_with_the_context(tmp_path: Path) -> None:
    with Supervisor([program(f"p{i}", SLEEP) for i in range(3)], tmp_path, print) as supervisor:
        pids = list(supervisor.pids.values())
        assert len(pids) == 3
        assert all(map(alive, pids))
    assert not any(map(alive, pids))


def test_a_deaf_process_is_killed_within_five_seconds(tmp_path: Path) -> None:
    with Supervisor([program("deaf", STUBBORN)], tmp_path, print) as supervisor:
        log = tmp_path / "deaf.log"
        wait_for(lambda: "deaf" in log.read_text().splitlines())
        pid = supervisor.pids["deaf"]
        begin = time.monotonic()
    assert time.monotonic() - begin < 5.0
    assert not alive(pid)


def test_children_of_processes_end_too(tmp_path: Path) -> None:
    with Supervisor([program("p", WITH_CHILD)], tmp_path, print):
        log = tmp_path / "p.log"
        wait_for(lambda: len(log.read_text().splitlines()) > 1)
        child = int(log.read_text().splitlines()[1])
        assert alive(child)
    wait_for(lambda: not alive(child))


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    shown: list[str] = []
    command = program("p", SLEEP, respawn=True)
    with Supervisor([command], tmp_path, shown.append) as supervisor:
        first = supervisor.pids["p"]
        os.kill(first, signal.SIGKILL)

        def again() -> bool:
            supervisor.poll()
            return supervisor.pids.get("p", first) != first

        wait_for(again)
        assert supervisor.respawns == 1
    assert shown == ["[p] was ended by SIGKILL; starting it again"]


def test_a_process_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    limit = RespawnLimit(restarts=2, window=60.0, pause=0.01)
    command = program("p", "raise SystemExit(3)", respawn=True)
    with Supervisor([command], tmp_path, print, limit) as supervisor:
        with pytest.raises(ProcessEndedError, match="p ended with status 3 for the 3th time"):
            wait_for(lambda: supervisor.poll() is not None)
        assert supervisor.respawns == 2


def test_a_process_that_refuses_its_parameters_is_not_started_again(tmp_path: Path) -> None:
    command = program("p", "raise SystemExit(2)", respawn=True)
    with Supervisor([command], tmp_path, print) as supervisor:
        with pytest.raises(ProcessEndedError, match="p ended with status 2, its output is in"):
            wait_for(lambda: supervisor.poll() is not None)
        assert supervisor.respawns == 0


def test_the_end_of_a_required_process_is_the_end(tmp_path: Path) -> None:
    commands = [program("p", "pass"), program("q", SLEEP)]
    with pytest.raises(
        ProcessEndedError, match=r"p ended with status 0, its output is in .*p\.log"
    ):
        with Supervisor(commands, tmp_path, print) as supervisor:
            other = supervisor.pids["q"]
            wait_for(lambda: supervisor.poll() is not None)
    assert not alive(other)


def test_others_may_end(tmp_path: Path) -> None:
    """With their status; one that has done what it was for is not worth a line."""
    shown: list[str] = []
    commands = [
        program("p", "raise SystemExit(3)", required=False),
        program("q", "pass", required=False),
    ]
    with Supervisor(commands, tmp_path, shown.append) as supervisor:

        def reported() -> bool:
            supervisor.poll()
            return supervisor.ended == {"p": 3, "q": 0}

        wait_for(reported)
        assert shown == ["[p] ended with status 3"]


def test_some_can_be_stopped_alone_and_are_not_started_again(tmp_path: Path) -> None:
    commands = [program("p", SLEEP, respawn=True), program("q", SLEEP, respawn=True)]
    with Supervisor(commands, tmp_path, print) as supervisor:
        supervisor.stop(["p"])
        supervisor.poll()
        assert set(supervisor.pids) == {"q"}


def test_all_is_logged_and_warnings_are_shown(tmp_path: Path) -> None:
    shown: list[str] = []
    code = (
        "import sys\nprint('plain')\n"
        "for level in ('INFO', 'WARN'): print(f'[{level}] [1.0] [n]: {level}', file=sys.stderr)\n"
        "print('Traceback: no end of line', end='', file=sys.stderr)"
    )
    with Supervisor([program("a/b", code, required=False)], tmp_path, shown.append) as supervisor:
        wait_for(lambda: not supervisor.pids)
    assert shown == ["[a/b] [WARN] [1.0] [n]: WARN", "[a/b] Traceback: no end of line"]
    lines = (tmp_path / "a.b.log").read_text().splitlines()
    assert set(lines[1:]) == {
        "plain",
        "[INFO] [1.0] [n]: INFO",
        "[WARN] [1.0] [n]: WARN",
        "Traceback: no end of line",
    }


def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from adgps_bringup.supervisor import Command, Supervisor\n"
        f"sleep = [sys.executable, '-I', '-S', '-c', {STUBBORN!r}]\n"
        f"with Supervisor([Command('p', sleep)], Path({str(tmp_path)!r}), print) as supervisor:\n"
        "    print(supervisor.pids['p'], flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        log = tmp_path / "p.log"
        wait_for(lambda: "deaf" in log.read_text())
        assert alive(child)
        supervisor.kill()
    wait_for(lambda: not alive(child))


def test_who_has_something_to_say_is_asked_to_end(tmp_path: Path) -> None:
    """When the process that it is tied to is killed; others are killed too."""
    child = (
        "import pathlib, signal, sys, time\n"
        "said = pathlib.Path(sys.argv[1])\n"
        "def end(*_):\n"
        "    said.write_text('bye')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "said.write_text('ready')\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])\n"
        "time.sleep(60)\n"
    )
    parent = (
        "import subprocess, sys\n"
        "from adgps_bringup.supervisor import tether_command\n"
        "for path, farewell in ((sys.argv[2], True), (sys.argv[3], False)):\n"
        "    tie = tether_command(farewell)\n"
        "    last = subprocess.Popen([*tie, sys.executable, '-c', sys.argv[1], path])\n"
        "last.wait()\n"
    )
    polite, other = tmp_path / "polite", tmp_path / "other"
    command = [sys.executable, "-c", parent, child, str(polite), str(other)]
    with subprocess.Popen(command) as process:
        wait_for(lambda: all(p.exists() and p.read_text() == "ready" for p in (polite, other)))
        process.kill()
    wait_for(lambda: polite.read_text() == "bye")
    assert other.read_text() == "ready"


def test_who_can_wait_is_nice(tmp_path: Path) -> None:
    code = "import os; print(os.nice(0))"
    commands = [
        Command(f"nice_{nice}", [sys.executable, "-c", code], required=False, nice=nice)
        for nice in (0, 3)
    ]
    with Supervisor(commands, tmp_path, print) as supervisor:

        def niceness(name: str) -> str:
            path = supervisor.log_file(name)
            lines = path.read_text().splitlines() if path.exists() else []
            return next((line for line in lines if line.lstrip("-").isdecimal()), "")

        wait_for(lambda: all(niceness(f"nice_{nice}") for nice in (0, 3)))
        assert niceness("nice_3") == str(min(int(niceness("nice_0")) + 3, 19))
