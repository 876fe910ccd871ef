"""What the numbers say: one sentence that can come out for, against or undecided.

The hypothesis is that late layers of a network separate the classes better than early ones, the best early one
included. It is held to be shown only if every control that was run agrees, and refuted only if early layers beat the
best late one, by the same tests, and the controls agree; a control that was not run is named. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.names import FEW, apart, listed
from lab.stats.checks import MEAN_AUC, PREDICTED, Check, Evidence, check_evidence

__all__ = ["AGAINST", "FOR", "Check", "Evidence", "Verdict", "check_evidence", "verdict"]

OPTIONAL_CONTROLS = {  # control -> what the sentence calls it when it was not run
    "matched": "number of channels",
    "untrained": "architecture (untrained twin)",
    "shuffled": "probe capacity (shuffled labels)",
    "pixels": "raw pixels",
}
# The checks that must all pass, of those that were run; all others are reported beside them
FOR = (
    "late_minus_best_early",
    "late_above_chance",
    "matched_late_minus_early",
    "late_minus_untrained",
    "rise_minus_untrained",
    "late_minus_pixels",
    "late_selectivity",
)
# The same for "against": the same tests the other way round
AGAINST = ("early_minus_best_late", "early_above_chance", "matched_early_minus_late", "early_selectivity")
SMALL = 1 / 3  # a twin's rise is small when even the upper end of its interval is at most this share of the network's


@dataclass(frozen=True)
class Verdict:
    """Outcome "for", "against" or "undecided", and the sentence for people."""

    outcome: str
    sentence: str


def verdict(evidence: Evidence, checks: Sequence[Check]) -> Verdict:
    """Weigh the checks: all of `FOR` that were run must pass for "for", all of `AGAINST` for "against"."""
    by_name = {check.check: check for check in checks}
    if len(evidence.layers) < 2:
        return Verdict("undecided", f"Not shown on this data: {evidence.model} was probed at a single layer.")
    failed = [by_name[name] for name in FOR if name in by_name and not by_name[name].passed]
    if not failed:
        return Verdict("for", _in_favour(evidence, by_name))
    if all(by_name[name].passed for name in AGAINST if name in by_name):
        return Verdict("against", _against(evidence, by_name))
    return Verdict("undecided", _undecided(evidence, by_name, failed))


def _in_favour(evidence: Evidence, by_name: Mapping[str, Check]) -> str:
    leading = by_name["late_minus_best_early"]
    held = []
    if "matched_late_minus_early" in by_name:
        held.append("holds at equal numbers of channels")
    if "untrained_rise" in by_name:
        held.append(_beyond_the_twin(by_name))
    if "late_minus_pixels" in by_name:
        held.append("goes beyond raw pixels")
    return (
        f"On {_images(evidence)}, late layers of {evidence.model} {_read(evidence)} "
        f"better than early ones: {_best(evidence, leading)} ({_interval(leading)})."
        + (f" This {listed(held)}." if held else "")
        + f"{_enough(evidence, by_name)}{_peak(by_name)}{_not_controlled(evidence)}"
    )


def _beyond_the_twin(by_name: Mapping[str, Check]) -> str:
    """Say that the twin has no such rise only where its rise is shown to be small."""
    own, twin = by_name["late_minus_early"], by_name["untrained_rise"]
    figure = f"{twin.value:+z.2f}, {twin.ci_low:+z.2f} to {twin.ci_high:+z.2f}"
    if twin.ci_high > SMALL * own.value:
        return f"is more than the untrained twin's {'rise' if twin.value > 0 else 'change'} ({figure})"
    if twin.value <= 0:
        return f"is absent in the untrained twin ({figure})"
    return f"is absent in the untrained twin (its rise: {figure})"


def _against(evidence: Evidence, by_name: Mapping[str, Check]) -> str:
    leading = by_name["early_minus_best_late"]
    held = " This holds at equal numbers of channels." if "matched_late_minus_early" in by_name else ""
    beside = []
    if "untrained" in evidence.scores and (twin := by_name["untrained_rise"].compared):
        beside.append(f"the untrained twin reads {twin[1]:.2f} in early layers and {twin[0]:.2f} in late ones")
    if "late_minus_pixels" in by_name and (pixels := by_name["late_minus_pixels"].compared):
        beside.append(f"raw pixels {'' if beside else 'read '}{pixels[1]:.2f}")
    told = f" {_capital(listed(beside))}." if beside else ""
    return (
        f"On {_images(evidence)}, early layers of {evidence.model} {_read(evidence)} "
        f"better than late ones: {_best(evidence, leading)} ({_interval(leading)}).{held}"
        f"{told}{_enough(evidence, by_name)}{_not_controlled(evidence)}"
    )


def _undecided(evidence: Evidence, by_name: Mapping[str, Check], failed: Sequence[Check]) -> str:
    leading = by_name["late_minus_best_early"]
    # Without a lead there is nothing for the controls to explain: only those that do as well or better are told
    told = failed if leading.passed else [check for check in failed if check is leading or check.value <= 0]
    reasons = [_reason(check, by_name["late_minus_early"]) for check in told]
    return (
        f"Not shown on this data: on {_images(evidence)}, {evidence.model} {_read(evidence, 's')} "
        f"with {_best(evidence, leading)} ({_interval(leading)}), "
        f"but {listed(reasons)}.{_enough(evidence, by_name)}{_not_controlled(evidence)}"
    )


def _reason(check: Check, average: Check) -> str:
    """Say why a check failed: undecided, or clearly the other way round."""
    better, worse = check.compared or (np.nan, np.nan)
    reverse, same = check.ci_high < 0, f"{better:.2f}" == f"{worse:.2f}"
    perhaps = "" if better <= worse or same else ", which may be chance"
    well = "better" if reverse else "about as well" if better <= worse or same else "perhaps as well"
    reasons = {
        "late_minus_best_early": _leading_reason(average, reverse=reverse, same=same),
        "late_above_chance": f"late layers are not clearly above chance ({worse:.2f})",
        "matched_late_minus_early": f"at equal numbers of channels it is {better:.2f} against {worse:.2f}{perhaps}",
        "late_minus_untrained": f"the untrained twin does {well} ({worse:.2f})",
        "rise_minus_untrained": _twin_reason(worse, reverse, better),
        "late_minus_pixels": f"raw pixels do {well} ({worse:.2f})",
        "late_selectivity": f"the probe reads shuffled labels {well} ({worse:.2f})",
    }
    return reasons[check.check]


def _leading_reason(average: Check, *, reverse: bool, same: bool) -> str:
    if reverse:
        return "this early layer is the better one"
    if same:
        return "that is no difference"
    late, early = average.compared or (np.nan, np.nan)
    if average.passed:
        return f"this may be chance; against early layers on average the lead is clear ({late:.2f} against {early:.2f})"
    return "this may be chance"


def _twin_reason(twin: float, reverse: bool, own: float) -> str:
    if reverse:
        more = "rises more" if twin > 0 else "falls less"
        return f"the untrained twin {more} ({twin:+z.2f} against {own:+z.2f})"
    word = "rise" if own > 0 else "change from early to late"
    return f"the {word} ({own:+z.2f}) is not clearly more than the untrained twin's ({twin:+z.2f})"


def _enough(evidence: Evidence, by_name: Mapping[str, Check]) -> str:
    """Name the first layer that is not clearly worse than the best, if any layer reads more than chance."""
    behind, above = by_name["first_behind_best"], (by_name["late_above_chance"], by_name["early_above_chance"])
    if behind.compared is None or not any(check.passed for check in above):
        return ""
    best, enough = behind.compared
    if behind.layer == evidence.layers[0]:
        return f" The first layer, {behind.layer}, suffices: {enough:.2f}, no layer clearly more."
    return f" First layer not clearly worse than the best ({best:.2f}): {behind.layer} ({enough:.2f})."


def _not_controlled(evidence: Evidence) -> str:
    possible = [control for control in OPTIONAL_CONTROLS if evidence.trained or control != "untrained"]
    missing = [OPTIONAL_CONTROLS[control] for control in possible if control not in evidence.scores]
    return f" Not controlled for: {', '.join(missing)}." if missing else ""


def _peak(by_name: Mapping[str, Check]) -> str:
    gap = by_name.get("last_minus_best")
    if gap is None or gap.ci_high >= 0 or gap.compared is None:
        return ""
    return f" The best, {gap.layer}, is clearly above the last layer ({gap.compared[0]:.2f})."


def _images(evidence: Evidence) -> str:
    by = f", as {evidence.probe} probes read them" if evidence.probe else ""
    return f"{len(evidence.labels)} images{by}"


def _read(evidence: Evidence, ending: str = "") -> str:
    """Return "separate cat from dog", "predict" and the name of the number, or "read the 13 labels"."""
    if evidence.measure in PREDICTED:
        return f"predict{ending} {evidence.subject}"
    if evidence.measure == MEAN_AUC:
        names = evidence.classes
        return f"read{ending} {listed(names) if len(names) <= FEW else f'the {len(names)} labels'}"
    return f"separate{ending} {apart(evidence.classes).removesuffix(' apart')}"


def _best(evidence: Evidence, check: Check) -> str:
    """Return "0.95 in late layers, 0.70 at the best early one, X", the better side first."""
    own, best = check.compared or (np.nan, np.nan)
    ours, other = ("early", "late") if check.check == "early_minus_best_late" else ("late", "early")
    named = "" if evidence.measure == "accuracy" else f"{evidence.measure} "
    if own >= best:
        return f"{named}{own:.2f} in {ours} layers, {best:.2f} at the best {other} one, {check.layer}"
    return f"{named}{best:.2f} at the best {other} layer, {check.layer}, {own:.2f} in {ours} ones"


def _interval(check: Check) -> str:
    interval = f"95 % interval {check.ci_low:+z.2f} to {check.ci_high:+z.2f}"
    what = "early minus late" if check.check == "early_minus_best_late" else "late minus early"
    return f"{what} {check.value:+z.2f}, {interval}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
