"""Which phases a run goes through: what its parameter files say, or what the user asked for."""

from __future__ import annotations

from dataclasses import replace

from adgps_bringup.options import StackOptions
from adgps_bringup.parameter_files import ParameterFileError, load, matches
from adgps_core.phases import Phase

_NODE = "/robot_1/local_worker"
DEFAULT_ITERATIONS = 15


def choose_phases(options: StackOptions) -> tuple[Phase, ...]:
    """Phases of a run.

    A schedule in the parameter files counts if it ends with the method and the optimiser that were
    chosen; else these make the only phase. A number of iterations is that of the last phase.

    Raises
    ------
    ParameterFileError
        If a file's phases are none.
    """
    written = _written(options)
    wanted = (options.method, options.optimizer)
    if not written or (written[-1].method, written[-1].optimizer) != wanted:
        iterations = sum(phase.iterations for phase in written) or DEFAULT_ITERATIONS
        written = (Phase(*wanted, iterations),)
    if options.iterations is None:
        return written
    return (*written[:-1], replace(written[-1], iterations=options.iterations))


def _written(options: StackOptions) -> tuple[Phase, ...]:
    """Phases in the last parameter file that has any."""
    found: tuple[Phase, ...] = ()
    for path in options.parameter_files:
        for pattern, parameters in load(path):
            if "phases" in parameters and matches(pattern, _NODE):
                texts = parameters["phases"]
                if not isinstance(texts, list):
                    raise ParameterFileError(f"{path}: phases must be a list, not {texts!r}")
                try:
                    found = tuple(Phase.parse(str(text)) for text in texts)
                except ValueError as error:
                    raise ParameterFileError(f"{path}: {error}") from error
    return found
