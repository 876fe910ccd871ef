"""The controls of a probe: one row each, and all lists of controls (options, pages, charts, reports) come from here.

To add one: a row here, and what computes it in `lab.experiments.separability.measure`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """What a control is called and what for; how its line is dashed; a `rule` is one value for the whole depth.

    `uncontrolled` is what a verdict names as not controlled for when the control was not run; "" for what is always
    there and so cannot be chosen.
    """

    name: str
    label: str
    about: str = ""
    dash: tuple[int, ...] = ()
    rule: bool = False
    uncontrolled: str = ""


CONTROLS: dict[str, Control] = {
    row.name: row
    for row in (
        Control("probe", "probe"),
        Control(
            "untrained", "untrained twin", "the same architecture with random weights, three times over", (6, 4),
            uncontrolled="architecture (untrained twin)",
        ),
        Control(
            "shuffled", "shuffled labels", "the same probe on shuffled labels", (2, 3),
            uncontrolled="probe capacity (shuffled labels)",
        ),
        Control(
            "matched", "matched dimension", "equally many random channels of every layer", (10, 3, 2, 3),
            uncontrolled="number of channels",
        ),
        Control(
            "pixels", "raw pixels", "the same probe on raw pixels", (10, 4), rule=True, uncontrolled="raw pixels",
        ),
        Control("chance", "chance", "guessing the most frequent class", (1, 3), rule=True),
    )
}  # fmt: skip
# Those that can be chosen: name -> what it is for.
OPTIONAL: dict[str, str] = {row.name: row.about for row in CONTROLS.values() if row.uncontrolled}
