"""What came of the door experiment: one page, its figures, and the numbers behind it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adgps_bringup.commands.evaluate_trials import FIGURE, SUMMARY
from adgps_bringup.commands.evaluate_trials import FOLDER as TRIALS
from adgps_bringup.experiments.door.plan import (
    AWAY,
    COLLECTIVE,
    HELD_OUT,
    LOWERED,
    PRETRAINING,
    SINGLE,
    Preset,
)
from adgps_bringup.progress import duration
from adgps_bringup.summary import write_json

FOLDER = "report"
PAGE = "README.md"

_TRIALS = (
    (COLLECTIVE, HELD_OUT, "four robots, three handles"),
    (COLLECTIVE, LOWERED, "the same, cameras lowered by 5 cm"),
    (COLLECTIVE, AWAY, "the same, cameras moved away by 4 cm"),
    (SINGLE, HELD_OUT, "one robot, one handle, as many rollouts"),
)


def write_report(folder: Path, preset: Preset, seed: int, took: Mapping[str, float]) -> Path:
    """Write the report of an experiment into its folder, of what there is yet; the page.

    Parameters
    ----------
    folder : of the experiment.
    preset, seed : that it was run with.
    took : wall clock of each stage [s].
    """
    report = folder / FOLDER
    report.mkdir(exist_ok=True)
    summaries = {(run, name): folder / run / TRIALS / name / SUMMARY for run, name, _ in _TRIALS}
    trials = {key: _read(path) for key, path in summaries.items() if path.exists()}
    runs = {
        run: _read(folder / run / "summary.json") for run in dict.fromkeys(r for r, _ in trials)
    }
    content = {
        "preset": preset.name,
        "seed": seed,
        "stages_s": dict(took),
        "rollouts": {run: summary["rollouts"] for run, summary in runs.items()},
        "trials": {f"{run}/{name}": summary for (run, name), summary in trials.items()},
    }
    write_json(report / "summary.json", content)
    figures = _copy_figures(folder, report)
    page = report / PAGE
    page.write_text(_page(preset, seed, took, runs, trials, figures), encoding="utf-8")
    return page


def _page(
    preset: Preset,
    seed: int,
    took: Mapping[str, float],
    runs: Mapping[str, Mapping[str, Any]],
    trials: Mapping[tuple[str, str], Mapping[str, Any]],
    figures: Mapping[str, str],
) -> str:
    """Text of the page."""
    lines = [
        "# A door that nobody has practised on",
        "",
        f"`./adgps experiment door --preset {preset.name} --seed {seed}`: trials on the held-out"
        " handle, success by the simulator's truth (hinge beyond 0.35 rad at the end), Wilson's"
        " 95 % interval.",
        "",
        *(["Not all of it is done yet.", ""] if len(trials) < len(_TRIALS) else []),
        "| policy of | rollouts | trials | opened | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for run, name, label in _TRIALS:
        if (run, name) in trials:
            counts = trials[run, name]["overall"]
            lines.append(f"| {label} | {runs[run]['rollouts']} | {_counts(counts)} |")
    for run, name, label in _TRIALS:
        if (run, name) in trials and name == HELD_OUT:
            lines += ["", f"| {label}: on | trials | opened | 95 % interval |", "|---|---|---|---|"]
            for robot, counts in trials[run, name]["per_robot"].items():
                lines.append(f"| {robot} | {_counts(counts)} |")
    lines += ["", *(f"![{label}]({name})\n" for name, label in figures.items())]
    lines += ["| stage | wall clock |", "|---|---|"]
    lines += [f"| {name} | {duration(seconds)} |" for name, seconds in took.items()]
    lines += [f"| all | {duration(sum(took.values()))} |", ""]
    return "\n".join(lines)


def _counts(counts: Mapping[str, Any]) -> str:
    """Cells of one tally."""
    low, high = counts["interval_95"]
    return f"{counts['trials']} | {counts['success_rate']:.0%} | {low:.0%} to {high:.0%}"


def _copy_figures(folder: Path, report: Path) -> dict[str, str]:
    """Copy the figures beside the page; their names there, and what they show."""
    found = {}
    sources = [
        (folder / PRETRAINING / "pretraining.png", "pretraining.png", "pre-training"),
        (folder / PRETRAINING / "samples.png", "samples.png", "what was learned of poses"),
        *(
            (folder / run / "cost.png", f"{run}_cost.png", f"{run}: cost over rollouts")
            for run in (COLLECTIVE, SINGLE)
        ),
        *(
            (folder / run / TRIALS / name / source, f"{run}_{name}_{source}", label)
            for run, name, label in _TRIALS
            for source in (FIGURE, "film_succeeded.png", "film_failed.png")
        ),
    ]
    for source, name, label in sources:
        if source.exists():
            shutil.copyfile(source, report / name)
            found[name] = label
    return found


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
