"""What the numbers say: the checks a finding rests on, and one sentence that can come out for, against or undecided.

The hypothesis is that late layers of a network separate the classes better than early ones. It is held to be shown
only if every control that was run agrees; a control that was not run is named. Nothing here is fitted or drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.stats.depth import early_and_late, last_against_best, trend
from lab.stats.intervals import Bootstrap, Interval, chance, difference

OPTIONAL_CONTROLS = {  # control -> what the sentence calls it when it was not run
    "matched": "dimension",
    "untrained": "architecture (untrained twin)",
    "shuffled": "probe capacity (shuffled labels)",
    "pixels": "raw pixels",
}
DESCRIPTIVE = ("early_above_chance", "trend", "last_minus_best")  # reported, not required for "for"
LISTED_CLASSES = 4


@dataclass(frozen=True)
class Evidence:
    """Correctness per layer and image of one model, and of its controls, all on the same images.

    `correct["probe"]`, and if run "matched", "untrained" and "shuffled", are `(L, N)` in layer order
    (`lab.stats.intervals.correctness`); "pixels" is `(N,)`. A network that was never trained has no untrained twin to
    be compared with: it is its own.
    """

    model: str
    classes: tuple[str, ...]
    layers: tuple[str, ...]
    depths: tuple[float, ...]
    labels: np.ndarray
    correct: Mapping[str, np.ndarray]
    trained: bool = True


@dataclass(frozen=True)
class Check:
    """One number a verdict rests on; `compared` holds the two accuracies whose difference `value` is."""

    check: str
    statement: str
    value: float
    ci_low: float
    ci_high: float
    passed: bool
    compared: tuple[float, float] | None = field(default=None, compare=False)

    def row(self) -> dict[str, object]:
        """Return the columns of the `checks` table."""
        return {
            "check": self.check,
            "statement": self.statement,
            "value": self.value,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class Verdict:
    """Outcome "for", "against" or "undecided", and the sentence for people."""

    outcome: str
    sentence: str


def check_evidence(evidence: Evidence, boot: Bootstrap) -> tuple[Check, ...]:
    """Return all checks that the evidence allows, the leading one ("late_minus_early") first."""
    early, late = early_and_late(evidence.depths)
    share = {name: _thirds(values, early, late) for name, values in evidence.correct.items()}
    (first, last), guess = share["probe"], chance(evidence.labels)
    constant = np.full_like(last, guess)
    found = [
        _compare(boot, "late_minus_early", "Late layers read the classes better than early ones", last, first),
        _compare(boot, "late_above_chance", "Late layers beat chance", last, constant),
        _compare(boot, "early_above_chance", "Early layers beat chance", first, constant),
    ]
    if "matched" in share:
        text = "Late layers beat early ones at matched dimension"
        found.append(_compare(boot, "matched_late_minus_early", text, share["matched"][1], share["matched"][0]))
    if "untrained" in share:
        twin_first, twin_last = share["untrained"]
        text = "Late layers beat those of the untrained twin"
        found.append(_compare(boot, "late_minus_untrained", text, last, twin_last))
        text = "Accuracy rises more from early to late than in the untrained twin"
        found.append(_compare(boot, "rise_minus_untrained", text, last - first, twin_last - twin_first, bound=2))
    if "pixels" in share:
        text = "Late layers beat a probe on raw pixels"
        found.append(_compare(boot, "late_minus_pixels", text, last, share["pixels"][1]))
    if "shuffled" in share:
        text = "Late layers read the true labels better than shuffled ones (selectivity)"
        found.append(_compare(boot, "late_selectivity", text, last, share["shuffled"][1]))
    return (*found, *_descriptive(evidence, boot))


def verdict(evidence: Evidence, checks: Sequence[Check]) -> Verdict:
    """Weigh the checks: every required one must pass for "for"; "against" when early layers are the better ones."""
    by_name = {check.check: check for check in checks}
    leading = by_name["late_minus_early"]
    failed = [c for c in checks if not c.passed and c.check not in DESCRIPTIVE]
    matched = by_name.get("matched_late_minus_early")
    if len(evidence.layers) < 2:
        return Verdict("undecided", f"Not shown on this data: {evidence.model} was probed at a single layer.")
    if leading.ci_high < 0 and by_name["early_above_chance"].passed and (matched is None or matched.ci_low <= 0):
        return Verdict("against", _against(evidence, leading))
    if failed:
        return Verdict("undecided", _undecided(evidence, leading, failed))
    return Verdict("for", _in_favour(evidence, leading, by_name))


def _thirds(values: np.ndarray, early: np.ndarray, late: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per image the mean correctness in early and in late layers, each `(N,)`."""
    if values.ndim == 1:
        return values, values
    return values[early].mean(axis=0), values[late].mean(axis=0)


def _compare(boot: Bootstrap, name: str, text: str, better: np.ndarray, worse: np.ndarray, *, bound: int = 1) -> Check:
    """Check that a mean over images exceeds another; differences lie within [-bound, bound]."""
    found = difference(boot, (better - worse) / bound)
    return Check(
        name,
        f"{text} ({better.mean():.2f} against {worse.mean():.2f}).",
        found.value * bound,
        found.low * bound,
        found.high * bound,
        found.low > 0,
        (float(better.mean()), float(worse.mean())),
    )


def _descriptive(evidence: Evidence, boot: Bootstrap) -> list[Check]:
    correct = evidence.correct["probe"]
    rise = trend(evidence.depths, correct, boot)
    gap, best = last_against_best(correct, boot)
    found = []
    if np.isfinite(rise.tau.value):
        text = f"Accuracy rises with depth (Kendall's tau {rise.tau.value:.2f}, permutation p = {rise.p:.3g})."
        found.append(_row("trend", text, rise.tau, rise.tau.low > 0))
    if np.isfinite(gap.value):
        accuracy = correct.mean(axis=1)
        text = (
            f"The last layer is not clearly worse than the best before it, {evidence.layers[best]} "
            f"({accuracy[-1]:.2f} against {accuracy[best]:.2f})."
        )
        found.append(_row("last_minus_best", text, gap, gap.high >= 0, (float(accuracy[-1]), float(accuracy[best]))))
    return found


def _row(name: str, text: str, found: Interval, passed: bool, compared: tuple[float, float] | None = None) -> Check:
    return Check(name, text, found.value, found.low, found.high, passed, compared)


def _in_favour(evidence: Evidence, leading: Check, by_name: Mapping[str, Check]) -> str:
    late, early = leading.compared or (np.nan, np.nan)
    held = []
    if "matched_late_minus_early" in by_name:
        held.append("holds at matched dimension")
    if "rise_minus_untrained" in by_name:
        held.append("is not there in the untrained twin")
    if "late_minus_pixels" in by_name:
        held.append("goes beyond raw pixels")
    return (
        f"On these {len(evidence.labels)} images, late layers of {evidence.model} separate {_apart(evidence.classes)} "
        f"better than early ones: {late:.2f} against {early:.2f} ({_interval(leading)})"
        + (f"; this {_listed(held)}" if held else "")
        + f".{_not_controlled(evidence)}{_peak(evidence, by_name)}"
    )


def _against(evidence: Evidence, leading: Check) -> str:
    late, early = leading.compared or (np.nan, np.nan)
    return (
        f"On these {len(evidence.labels)} images, early layers of {evidence.model} separate {_apart(evidence.classes)} "
        f"better than late ones: {early:.2f} against {late:.2f} (late minus early: {_interval(leading)})."
    )


def _undecided(evidence: Evidence, leading: Check, failed: Sequence[Check]) -> str:
    late, early = leading.compared or (np.nan, np.nan)
    reasons = [_reason(check) for check in failed]
    return (
        f"Not shown on this data: on these {len(evidence.labels)} images, late layers of {evidence.model} separate "
        f"{_apart(evidence.classes)} with {late:.2f} against {early:.2f} in early ones ({_interval(leading)}), but "
        f"{_listed(reasons)}.{_not_controlled(evidence)}"
    )


def _reason(check: Check) -> str:
    """Say why a check failed: undecided, or clearly the other way round."""
    better, worse = check.compared or (np.nan, np.nan)
    reverse, same = check.ci_high < 0, f"{better:.2f}" == f"{worse:.2f}"
    leading = "that is no difference" if same else "this difference may be chance"
    leading = "it is the early layers that are better" if reverse else leading
    perhaps = "" if reverse or same else ", which may be chance"
    well = "better" if reverse else "about as well"
    reasons = {
        "late_minus_early": leading,
        "late_above_chance": f"late layers are not clearly above chance ({worse:.2f})",
        "matched_late_minus_early": f"at matched dimension it is {better:.2f} against {worse:.2f}{perhaps}",
        "late_minus_untrained": f"the untrained twin does {well} ({worse:.2f})",
        "rise_minus_untrained": f"the untrained twin rises {'more' if reverse else 'about as much'} ({worse:+z.2f})",
        "late_minus_pixels": f"raw pixels do {well} ({worse:.2f})",
        "late_selectivity": f"the probe reads shuffled labels {well} ({worse:.2f})",
    }
    return reasons[check.check]


def _not_controlled(evidence: Evidence) -> str:
    possible = [control for control in OPTIONAL_CONTROLS if evidence.trained or control != "untrained"]
    missing = [OPTIONAL_CONTROLS[control] for control in possible if control not in evidence.correct]
    return f" Not controlled for: {', '.join(missing)}." if missing else ""


def _peak(evidence: Evidence, by_name: Mapping[str, Check]) -> str:
    gap = by_name.get("last_minus_best")
    if gap is None or gap.passed or gap.compared is None:
        return ""
    best = evidence.layers[int(evidence.correct["probe"][:-1].mean(axis=1).argmax())]
    return f" The best layer is {best} ({gap.compared[1]:.2f}), clearly before the last ({gap.compared[0]:.2f})."


def _apart(classes: Sequence[str]) -> str:
    if len(classes) == 2:
        return f"{classes[0]} from {classes[1]}"
    return _listed(classes) if len(classes) <= LISTED_CLASSES else f"the {len(classes)} classes"


def _interval(check: Check) -> str:
    return f"difference {check.value:z.2f}, 95 % interval {check.ci_low:z.2f} to {check.ci_high:z.2f}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
