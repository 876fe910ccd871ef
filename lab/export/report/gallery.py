"""The images of a report by depth of decision: what the network settles early, late, and never."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from lab.charts.tables import LUCK, NEVER, gallery
from lab.charts.theme import Tables, classes_of, models_of
from lab.experiments.separability.decision_depth import decision_findings
from lab.export.report.markup import Html, tag
from lab.export.report.sections import figure, section

PER_LAYER = 16  # pictures per layer; the never decided are worth more
PER_NEVER = 48
UNDECIDED = {LUCK: "right at the last layer, but within luck", NEVER: "not right in every repeat at the last layer"}


@dataclass(frozen=True)
class DepthGroup:
    """The images decided at `layer` (or `LUCK`, or `NEVER`): those shown, and how many there are."""

    layer: str
    shown: pd.DataFrame
    count: int


def depth_groups(tables: Tables, model: str) -> list[DepthGroup]:
    """Return the images of `model` by layer of decision, earliest first, never last.

    Of a layer with many images, the first of each class in turn are shown.
    """
    table = gallery(tables, model)
    found = []
    for layer, here in table.groupby("layer", sort=False):
        most = PER_LAYER if layer != NEVER else PER_NEVER
        in_turn = here.assign(turn=here.groupby("class").cumcount()).sort_values(["turn", "class"], kind="stable")
        found.append(DepthGroup(str(layer), in_turn.head(most), len(here)))
    return found


def pictured(tables: Tables) -> list[str]:
    """Return the images that the galleries of all models show."""
    names = [
        image
        for model in models_of(tables["layers"])
        for shelf in depth_groups(tables, model)
        for image in shelf.shown["image"]
    ]
    return list(dict.fromkeys(names))


def galleries(tables: Tables, descriptions: dict[str, str]) -> Html:
    """Return the section with a gallery per model; the pictures are put in by the page's script."""
    models = models_of(tables["layers"])
    parts: list[object] = []
    for number, model in enumerate(models):
        if len(models) > 1:
            parts.append(tag("h3", model))
        name = f"decisions-{number}"
        told = [tag("p", sentence) for sentence in decision_findings(tables, model)]
        parts += [*told, figure(name, descriptions[name]), *_depth_groups(tables, model)]
    return section(
        "Which images are decided where?",
        *parts,
        id_="gallery",
        lead="An image is right for good from the layer after which its held-out prediction stays right in every "
        "repeat, the surest first, and only as many as are so beyond luck. Late and undecided ones show what is "
        "hard.",
    )


def _depth_groups(tables: Tables, model: str) -> Iterator[Html]:
    classes = classes_of(tables)
    for shelf in depth_groups(tables, model):
        told = UNDECIDED.get(shelf.layer, f"decided at {shelf.layer}")
        more = f", {len(shelf.shown)} of them shown" if len(shelf.shown) < shelf.count else ""
        count = f"{shelf.count} image{'s' if shelf.count != 1 else ''}{more}"
        pictures = [_picture(row, classes.index(row["class"])) for _, row in shelf.shown.iterrows()]
        yield tag(
            "div",
            tag("h4", told, " ", tag("small", count)),
            tag("div", *pictures, class_="pictures"),
            class_="shelf never" if shelf.layer in UNDECIDED else "shelf",
        )


def _picture(row: pd.Series, class_index: int) -> Html:
    wrong = "" if row["predicted"] == row["class"] else f", taken for {row['predicted']}"
    told = f"{row['image']}: {row['class']}{wrong}"
    return tag("img", alt=told, title=told, data_image=row["image"], class_=f"class-{class_index % 8}")
