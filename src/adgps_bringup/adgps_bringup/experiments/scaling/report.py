"""The page of the scaling experiment: figures, tables, and the numbers behind them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from adgps_bringup.experiments.scaling import yardstick
from adgps_bringup.experiments.scaling.illustrations import draw_network, draw_predictions
from adgps_bringup.experiments.scaling.model.prediction import Prediction, largest_with
from adgps_bringup.experiments.scaling.model.validation import TOLERANCE, Agreement
from adgps_bringup.experiments.scaling.modelling import Comparison, look_ahead, validate
from adgps_bringup.experiments.scaling.numbers import write_numbers
from adgps_bringup.experiments.scaling.overlay import was_prompt
from adgps_bringup.experiments.scaling.plan import GPS, Plan
from adgps_bringup.experiments.scaling.results import RunResult, read_candidates
from adgps_bringup.experiments.scaling.runner import CONFIG, RUNS
from adgps_bringup.experiments.scaling.tuning import Candidate
from adgps_bringup.experiments.scaling.verdicts import Comparisons, judge

FOLDER, PAGE = "report", "README.md"


def write_report(
    folder: Path, plan: Plan, results: Sequence[RunResult], say: Callable[[str], object]
) -> Path:
    """Write the report of runs that were evaluated into the experiment's folder; the page.

    Parameters
    ----------
    folder : of the experiment.
    plan : that was run.
    results : of all runs.
    say : called with one line for people.
    """
    report = folder / FOLDER
    report.mkdir(exist_ok=True)
    candidates = [each for network in plan.pairs for each in read_candidates(folder, network)]
    by_network = {
        network: Comparisons(
            plan, network, tuple(result for result in results if result.run.network == network)
        )
        for network in plan.pairs
    }
    checked = validate(results)
    predicted, bounds = look_ahead(plan, results, say)
    for network, comparisons in by_network.items():
        draw_network(report, plan, network, comparisons)
    draw_predictions(report, predicted, bounds)
    write_numbers(report, plan, by_network, checked, predicted, bounds, candidates)
    page = report / PAGE
    prompt = any(was_prompt(result.run, folder / CONFIG) for result in results)
    machine = _priority(prompt) + _speeds(yardstick.read(folder / RUNS))
    lines = _page(plan, by_network, checked, predicted, bounds, candidates, machine)
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page


def _page(
    plan: Plan,
    by_network: dict[str, Comparisons],
    checked: Sequence[Comparison],
    predicted: Sequence[Prediction],
    bounds: dict[int, float],
    candidates: Sequence[Candidate],
    machine: str,
) -> list[str]:
    """Lines of the page."""
    lines = [
        "# Does it pay to be asynchronous, and many?",
        "",
        f"`./adgps experiment scaling --preset {plan.name} --seed {plan.seeds[0]}`: the task"
        f" `reach`, BADMM and LQR, eight training instances, {plan.iterations} iterations of"
        f" {plan.samples} rollouts each, simulators at a real-time factor of {plan.factor:g},"
        f" {plan.seeds_text}. Costs are of the four test instances, by policies that were"
        " kept during the runs and evaluated after them, once each, without exploration. A run has"
        f" learned with the first policy that costs at most {plan.threshold:g}, alone and together"
        f" with those of the next {plan.hold} rollouts.{machine}",
        "",
    ]
    for network, comparisons in by_network.items():
        lines += _of_network(network, comparisons)
    if candidates:
        lines += _of_tuning(candidates)
    lines += _of_model(checked, predicted, bounds)
    return lines


def _priority(prompt: bool) -> str:
    """Say that simulators came before everything else, if they did."""
    if not prompt:
        return ""
    return " Simulators with their controllers had a real-time priority (SCHED_FIFO)."


def _speeds(milliseconds: Mapping[str, float]) -> str:
    """Say whether the machine was as fast for all runs, where they know."""
    if not milliseconds:
        return ""
    least, most = min(milliseconds.values()), max(milliseconds.values())
    alike = most <= yardstick.TOLERANCE * least
    warning = "" if alike else " **The machine was not the same: wall clocks do not compare.**"
    return (
        f" Before each of {len(milliseconds)} runs the same piece of work took one core"
        f" {least:.1f} to {most:.1f} ms.{warning}"
    )


def _of_network(network: str, comparisons: Comparisons) -> list[str]:
    verdicts = judge(comparisons)
    lines = [
        f"## The {network} network, {comparisons.size:,} policy parameters",
        "",
        f"![cost over trials and over wall clock](figure_4_{network}.png)",
        f"![speed-up and relative number of rollouts](figure_5_{network}.png)",
        "",
        "| | to the threshold [min] | speed-up | rollouts, relative | utilisation, lowest |"
        " staleness, mean | final cost |",
        "|---|---|---|---|---|---|---|",
    ]
    for variant in comparisons.by_variant:
        lines.append(f"| {variant} | {' | '.join(comparisons.row(variant))} |")
    lines += ["", "| wanted | measured | |", "|---|---|---|"]
    lines += [f"| {v.wanted} | {v.measured} | {v.outcome} |" for v in verdicts]
    lines += _to_other_costs(comparisons)
    lines += [
        "",
        f"![where the time goes](time_{network}.png)",
        f"![staleness](staleness_{network}.png)",
        "",
        "Parts of a robot's time; `lost` are rollouts that were discarded, and pauses after them.",
        "",
    ]
    names = list(dict.fromkeys(n for parts in comparisons.spent.values() for n in parts))
    lines += [
        f"| | {' | '.join(names)} | real-time factor, lowest | period error, p99 [ms] |",
        "|---|" + "---|" * (len(names) + 2),
    ]
    for variant, parts in comparisons.spent.items():
        cells = " | ".join(f"{parts.get(name, 0.0):.1%}" for name in names)
        factor, error = comparisons.pace(variant)
        lines.append(f"| {variant} | {cells} | {factor} | {error} |")
    lines += ["", "Times of phases, mean ± standard deviation [ms]:", ""]
    times = comparisons.phase_table()
    lines += [f"| | {' | '.join(times)} |", "|---|" + "---|" * len(times)]
    for phase in next(iter(times.values())):
        lines.append(f"| {phase} | {' | '.join(column[phase] for column in times.values())} |")
    return [*lines, ""]


def _to_other_costs(comparisons: Comparisons) -> list[str]:
    """Say how much of the result hangs on the cost that counts as having learned."""
    variants = [variant for variant in comparisons.by_variant if variant != GPS]
    lines = [
        "",
        "Speed-up, and rollouts relative to GPS, if another cost counted as having learned:",
        "",
        f"| cost | {' | '.join(variants)} |",
        "|---|" + "---|" * len(variants),
    ]
    plan = comparisons.plan
    for threshold in sorted((*plan.other_thresholds, plan.threshold), reverse=True):
        at = comparisons.to(threshold)
        cells = [
            f"{at.speed_ups[variant].value:.2f}, {at.sample_factors[variant].value:.2f}"
            if math.isfinite(at.speed_ups[variant].value)
            else "not reached"
            for variant in variants
        ]
        lines.append(f"| {threshold:g} | {' | '.join(cells)} |")
    return lines


def _of_tuning(candidates: Sequence[Candidate]) -> list[str]:
    lines = [
        "## The steps of GPS",
        "",
        "Algorithm 1 in lock-step with each of these, first seed; the wall clock is what it would"
        " have been in real time, by the measured times of its phases. The shortest was taken.",
        "",
        "| network | alternations x steps | to the threshold [min] | final cost |",
        "|---|---|---|---|",
    ]
    for each in candidates:
        reached = np.isfinite(each.wall_clock_s)
        minutes = f"{each.wall_clock_s / 60:.1f}" if reached else "not reached"
        lines.append(f"| {each.network} | {each.gps} | {minutes} | {each.final_cost:.1f} |")
    return [*lines, ""]


def _of_model(
    checked: Sequence[Comparison], predicted: Sequence[Prediction], bounds: dict[int, float]
) -> list[str]:
    quantities = [agreement.quantity for agreement in checked[0].agreements]
    lines = [
        "## Beyond one machine",
        "",
        "A discrete-event simulation of the same loop, fed with the times above. Against the runs"
        " that the times are of, means over them: measured, modelled and error. Where the error is"
        f" more than {TOLERANCE:.0%}, the model is off. There the standard error of what was"
        " measured stands as well, and the range of 95 % of the model's draws: both differ by"
        " chance, as by how the batches of several robots come to coincide.",
        "",
        f"| | {' | '.join(quantities)} |",
        "|---|" + "---|" * len(quantities),
    ]
    for each in checked:
        cells = [_agreement(agreement) for agreement in each.agreements]
        lines.append(f"| {each.name} | {' | '.join(cells)} |")
    lines += [
        "",
        "Then with more robots, which begin at unrelated moments, each with a computer of its own"
        " and the times of AGPS; the server and the way to it are those measured on one host, so"
        " that a network is not in them."
        f"{_growth(bounds)}",
        "",
        "![predictions](predictions.png)",
        "",
        "| policy parameters | robots that saturate the server | robots that keep 90 % busy |",
        "|---|---|---|",
    ]
    for size, bound in bounds.items():
        most = largest_with(predicted, size)
        lines.append(f"| {size:,} | {bound:.0f} | {'none' if most is None else most} |")
    lines += ["", "| policy parameters | robots | utilisation | server | staleness | updates/s |"]
    lines += ["|---|---|---|---|---|---|"]
    for p in predicted:
        r = p.result
        load = min(1.0, r.server_utilization)
        lines.append(
            f"| {p.size:,} | {p.robots} | {r.utilization:.0%} | {load:.0%}"
            f" | {r.mean_staleness:.2f} | {r.update_rate:.0f} |"
        )
    return lines


def _growth(bounds: dict[int, float]) -> str:
    """Say how times depend on the size of the policy, if more than one was run."""
    if len(bounds) == 1:
        return ""
    return " Times that grow with the policy lie on lines through the sizes that were run."


def _agreement(a: Agreement) -> str:
    """One cell of the table of the model."""
    if a.agrees:
        return f"{a.measured:.3g}, {a.modelled:.3g}, {a.error:+.0%}"
    measured = f"{a.measured:.2g} ± {a.standard_error:.1g}"
    modelled = f"{a.modelled:.2g} ({a.low:.2g} to {a.high:.2g})"
    return f"{measured}, {modelled}, {a.error:+.0%} **off**"
