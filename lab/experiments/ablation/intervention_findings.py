"""What the tables of `break` show, a sentence each; every one follows from the numbers and can say the opposite.

Units are images; intervals of differences hold for all changes of the run at once. "No difference" is said only where
the interval lies within a margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from lab.experiments.ablation.intervention_contrasts import BRANCH_OR_SHORTCUT, PERMUTED, WITH_OR_WITHOUT
from lab.experiments.ablation.intervention_outputs import INTACT
from lab.experiments.number_text import interval_of, ranged, with_ends
from lab.names import apart
from lab.stats.claims import ACCURACY_MARGIN, count, outcome

_CONTROL = {"chance": "chance", "pixels": "raw pixels", "untrained": "untrained network"}
WITHIN = f"within {ACCURACY_MARGIN:.2f}"


def findings(tables: Mapping[str, pd.DataFrame], classes: Sequence[str]) -> list[str]:
    """Return what the changes did, for people, the answer first."""
    changes, controls = tables["changes"], tables["controls"]
    intact = changes[changes["intervention"] == INTACT].iloc[0]
    broken = changes[(changes["intervention"] != INTACT) & (changes["problem"] == "")]
    if not breakable(tables):
        return [
            _intact(intact, controls, classes),
            "That is not clearly above chance, so there is nothing to break: use more images, a trained network, or "
            "other classes.",
        ]
    if broken.empty:
        nothing = _lost(changes) or ["This network allows no intervention."]
        return [_intact(intact, controls, classes), *nothing]
    return [
        *_harm(broken),
        _intact(intact, controls, classes),
        *_shortcuts(tables["contrasts"]),
        *_permuted(broken, tables["contrasts"]),
        *_recovered(broken),
        *_tried(broken),
        *_lost(changes),
    ]


def breakable(tables: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether the intact network is shown to tell the classes: where it is not, there is nothing to break."""
    changes = tables["changes"]
    return outcome(interval_of(changes[changes["intervention"] == INTACT].iloc[0], "carried_above"), 0) == "more"


def _intact(intact: pd.Series, controls: pd.DataFrame, classes: Sequence[str]) -> str:
    pairs = zip(controls["control"], controls["accuracy"], strict=True)
    floor = ", ".join(f"{_CONTROL[str(name)]} {value:.2f}" for name, value in pairs)
    return f"Intact, the last layer tells {apart(classes)} with accuracy {ranged(intact, 'carried')}; {floor}."


def _harm(broken: pd.DataFrame) -> list[str]:
    gaps = [outcome(interval_of(row, "carried_gap"), ACCURACY_MARGIN) for _, row in broken.iterrows()]
    above = [outcome(interval_of(row, "carried_above"), ACCURACY_MARGIN) for _, row in broken.iterrows()]
    fallen = broken[[one == "less" for one in gaps]]
    if fallen.empty:
        same = f"{count(gaps, 'same')} keep it, to {WITHIN}"
        return [f"None of {len(broken)} changes is shown to cost accuracy; {same}."]
    worst = fallen.sort_values("carried_gap").iloc[0]
    blind = count(above, "open") + count(above, "less")
    return [
        f"{len(fallen)} of {len(broken)} changes cost accuracy, {_named(worst)} most: the frozen probe falls to "
        f"{worst.carried:.2f}, by {with_ends(interval_of(worst, 'carried_gap'))}. After {blind} changes it is not "
        "clearly "
        "above chance.",
    ]


def _shortcuts(contrasts: pd.DataFrame) -> list[str]:
    """Say what a block's branch and its shortcut are worth; residual networks are said to mind less (Veit 2016)."""
    said = []
    for _, row in contrasts[contrasts["contrast"] == BRANCH_OR_SHORTCUT].iterrows():
        numbers = (
            f"{row.one:.2f} against {row.other:.2f} (difference {with_ends(interval_of(row, 'gap'))}, "
            f"{int(row.places)} block{'s' * (row.places > 1)})"
        )
        text = {
            "more": f"Losing a block costs less than losing its shortcut: {numbers}.",
            "less": f"Losing a block costs more than losing its shortcut: {numbers}.",
            "same": f"Losing a block costs as much as losing its shortcut: {numbers}.",
            "open": f"Whether a block or its shortcut is worth more is not shown: {numbers}.",
        }
        said.append(text[outcome(interval_of(row, "gap"), ACCURACY_MARGIN)])
    for _, row in contrasts[contrasts["contrast"] == WITH_OR_WITHOUT].iterrows():
        gap = interval_of(row, "gap")
        numbers = f"{row.one:.2f} against {row.other:.2f} (difference {with_ends(gap)})"
        text = {
            "more": "costs less than",
            "less": "costs more than",
            "same": "costs as much as",
            "open": "is not shown to cost more or less than",
        }
        said.append(
            f"Taking out a block with a shortcut {text[outcome(gap, ACCURACY_MARGIN)]} one without, at other depths: "
            f"{numbers}."
        )
    return said


def _permuted(broken: pd.DataFrame, contrasts: pd.DataFrame) -> list[str]:
    rows = broken[broken["intervention"] == "permute"]
    if rows.empty:
        return []
    there = contrasts[contrasts["contrast"] == PERMUTED].set_index("place")
    known = rows[rows["place"].isin(set(there.index))]
    worst = (rows if known.empty else known).sort_values("carried").iloc[0]
    said = f"Permuting the channels {worst.place} leaves {ranged(worst, 'carried')} at the end"
    if known.empty:
        return [f"{said}."]
    here = there.loc[worst.place]
    found = f"{said}; right there a refit probe reads {here.one:.2f}, intact {here.other:.2f}"
    same = outcome(interval_of(here, "gap"), ACCURACY_MARGIN)
    if same != "same":
        return [f"{found}, {'not shown to be the same' if same == 'open' else 'not as before'}."]
    if outcome(interval_of(worst, "carried_gap"), ACCURACY_MARGIN) != "less":
        return [f"{found}, as before."]
    return [f"{found}, as before: the next layer needs their order."]


def _recovered(broken: pd.DataFrame) -> list[str]:
    """Say where a refit probe finds what the frozen one missed: information that is there, in another form."""
    more = broken[[outcome(interval_of(row, "recovered"), ACCURACY_MARGIN) == "more" for _, row in broken.iterrows()]]
    if more.empty:
        return ["A refit probe is not shown to read more than the frozen one after any change."]
    row = more.sort_values("recovered").iloc[-1]
    return [
        f"After {len(more)} of {len(broken)} changes a refit probe reads more than the frozen one, most after "
        f"{_named(row)}: {row.refitted:.2f} instead of {row.carried:.2f} (difference "
        f"{with_ends(interval_of(row, 'recovered'))})."
    ]


def _tried(broken: pd.DataFrame) -> list[str]:
    """Say of which interventions only some places were tried, so that the worst may be another."""
    by_kind = broken.groupby("intervention", sort=False).agg(places=("place", "nunique"), possible=("possible", "max"))
    tried, possible = int(by_kind["places"].sum()), int(by_kind["possible"].sum())
    return [f"Only {tried} of {possible} parts were tried."] if tried < possible else []


def _lost(changes: pd.DataFrame) -> list[str]:
    lost = list(dict.fromkeys(changes.loc[changes["problem"] != "", "change"]))
    many = "1 change" if len(lost) == 1 else f"{len(lost)} changes"
    return [f"{many} gave no usable numbers: {'; '.join(lost)}."] if lost else []


def _named(row: pd.Series) -> str:
    return f"“{row.change}”"
