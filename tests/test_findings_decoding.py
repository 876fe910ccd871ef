"""What sentences on readouts and rebuilt pictures say of planted tables: each outcome, each number, the one picked."""

from __future__ import annotations

from typing import Any

import pytest
from planted import LESS, MORE, OPEN, SAME, assert_says, table

from lab.experiments.building import factor_decoding_findings, thumbnail_decoding_findings
from lab.experiments.number_text import NO_TWIN

ENDS = {
    LESS: "−0.11 (−0.16 to −0.06)", SAME: "−0.01 (−0.05 to +0.05)", MORE: "+0.12 (+0.07 to +0.17)",
    OPEN: "+0.02 (−0.03 to +0.06)",
}  # fmt: skip

# --- thumbnail --------------------------------------------------------------------------------------------------------

REBUILT = "model layer pooling control r2/ci"
CONTRAST = "contrast layer gap one other starts"
KINDS = ("last - first", "last", "last - mean colour", "last - pixels")


def ends(value: float) -> tuple[float, float, float]:
    return value, value - 0.04, value + 0.03


def readout(layer: str, r2: float, pooling: str = "grid", control: str = "real") -> tuple[Any, ...]:
    return "net", layer, pooling, control, ends(r2)


def of_thumbnails(
    gaps: dict[str, Any] | None = None, *, last: float = 0.31, more: Any = (), contrasts: Any = (),
    pooled: bool = False,
) -> list[str]:  # fmt: skip
    grid = [readout("stem", 0.81), readout("neck", 0.55), readout("head", last)]
    whole = [readout("stem", 0.2, "avg"), *([] if pooled else grid)]
    controls = [readout("", 0.64, control="pixels"), readout("", 0.11, control="mean colour"),
                readout("stem", -0.02, control="shuffled"), readout("neck", 0.01, control="shuffled"),
                readout("head", -0.03, control="shuffled")]  # fmt: skip
    found = dict.fromkeys(KINDS, OPEN) | (gaps or {})
    rows = [(kind, "head", gap, 0.0, 0.0, 0) for kind, gap in found.items()]
    tables = {
        "rebuilt": table(REBUILT, *whole, *controls, *more), "contrasts": table(CONTRAST, *rows, *contrasts),
        "matched": table("layer dim r2/ci", ("stem", 1234, ends(0.7)), ("neck", 9, ends(0.6)), ("head", 8, ends(0.5))),
        "learning": table("layer share r2", ("head", 0.5, 0.41), ("stem", 0.5, 0.9), ("head", 1.0, 0.52)),
    }  # fmt: skip
    return thumbnail_decoding_findings.findings(tables, 240)


@pytest.mark.parametrize(
    ("gap", "last", "change"),
    [
        (LESS, 0.31, "Much of the image fades with depth"), (LESS, 0.405, "Some of the image fades with depth"),
        (MORE, 0.9, "Nothing fades, later layers even give more"), (SAME, 0.8, "Nothing fades, to within 0.05"),
        (OPEN, 0.8, "No loss with depth is shown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("end", "left"),
    [
        (MORE, "and some is left at the end"), (SAME, "and nothing worth naming is left"),
        (LESS, "and nothing is left"), (OPEN, "and nothing is shown to be left"),
    ],
)  # fmt: skip
def test_what_fades_on_the_way_up(gap: Any, last: float, change: str, end: Any, left: str) -> None:
    assert of_thumbnails({"last - first": gap, "last": end}, last=last)[0] == (
        f"{change}, {left}: a linear readout of net rebuilds thumbnails of new images with R² 0.81 (0.77 to 0.84) from "
        f"stem, {last:.2f} ({last - 0.04:.2f} to {last + 0.03:.2f}) from head (difference {ENDS[gap]}, 240 images)."
    )


def test_layers_that_have_no_grid_are_told_by_their_averages() -> None:
    said = of_thumbnails({"last - first": SAME}, pooled=True)[0]
    assert "R² 0.20 (0.16 to 0.23) from stem, 0.20 (0.16 to 0.23) from stem (diff" in said


@pytest.mark.parametrize(
    ("gap", "change", "beyond", "learning"),
    [
        (
            LESS,
            "the last gives less",
            "the last layer gives less (",
            "More images do not help: ",
        ),
        (
            MORE,
            "the last gives more",
            "the last layer gives more (",
            "More images would give more: ",
        ),
        (
            SAME,
            "both give alike",
            "the last layer gives as much (",
            "Twice the images add less than 0.05: ",
        ),
        (
            OPEN,
            "no difference is shown",
            "the last layer is not shown to give more (",
            "Whether more images would give more is not shown: ",
        ),
    ],
)
def test_readouts_are_set_against_equal_widths_colours_and_more_images(
    gap: Any, change: str, beyond: str, learning: str
) -> None:
    kinds = {"matched last - first": gap, "last - mean colour": gap, "all images - half": gap, "last - pixels": LESS}
    said = of_thumbnails(kinds)[1:4]
    assert said[0] == (
        "With 1,234 random numbers of each layer it is 0.70 (0.66 to 0.73) from stem, 0.50 (0.46 to 0.53) from head: "
        f"{change} ({ENDS[gap]})."
    )
    assert said[1] == (
        "Raw pixels reach 0.64 (0.60 to 0.67), the mean colour alone 0.11 (0.07 to 0.14): against the mean colour "
        f"{beyond}{ENDS[gap]})."
    )
    assert said[2] == (
        f"{learning}from head R² is 0.41 with 50%, 0.52 with 100% of the images (all minus half {ENDS[gap]})."
    )
    assert len(of_thumbnails()) == 4


@pytest.mark.parametrize(
    ("gaps", "adds"),
    [
        ((LESS, MORE, SAME, OPEN), "a grid of positions adds up to +0.12 (+0.07 to +0.17) (at l1)."),
        ((MORE, (0.2, -0.1, 0.5), (0.11, 0.06, 0.2)), "a grid of positions adds up to +0.12 (+0.07 to +0.17) "
                                                      "(at l0)."),
        ((SAME, LESS), "at no layer does a grid of positions add more than 0.05."),
        ((SAME, LESS, (-0.02, -0.3, 0.2)), "that a grid of positions adds anything is not shown."),
    ],
)  # fmt: skip
def test_what_a_grid_of_positions_adds(gaps: Any, adds: str) -> None:
    rows = [("grid - average", f"l{k}", gap, 0.0, 0.0, 0) for k, gap in enumerate(gaps)]
    more = [readout("neck", 0.44, "avg"), readout("head", 0.3, "avg")]
    said = of_thumbnails(contrasts=rows, more=more)
    assert said[2] == f"Averaged over all positions, layers give at most 0.44 (0.40 to 0.47) (neck); {adds}"


def test_readouts_of_the_trained_network_against_its_twins() -> None:
    assert of_thumbnails()[2] == NO_TWIN
    rows = [("trained - untrained", layer, gap, 0.61, 0.58, 3) for layer, gap in
            (("a", MORE), ("b", LESS), ("c", SAME), ("d", OPEN), ("e", MORE), ("f", SAME), ("g", MORE))]  # fmt: skip
    last = ("trained - untrained", "head", (-0.2, -0.3, -0.1), 0.34, 0.54, 3)
    assert of_thumbnails(contrasts=[*rows, last])[2] == (
        "Against 3 networks with random weights, the trained one keeps more at 3 of 8 layers, less at 2, as much at 2; "
        "at head 0.34 against 0.54 (difference −0.20 (−0.30 to −0.10))."
    )
    two = ("trained - untrained", "head", LESS, 0.34, 0.54, 2)
    assert of_thumbnails(contrasts=[two])[2].startswith("Against 2 networks")
    one = ("trained - untrained", "head", LESS, 0.34, 0.54, 1)
    assert of_thumbnails(contrasts=[one])[2] == (
        "The network with the weights that training began with gives 0.54 at head against 0.34: one random start, from "
        "which nothing is concluded."
    )


def test_readouts_of_shuffled_images_are_told() -> None:
    rows = [("shuffled", "stem", gap, 0.0, 0.0, 0) for gap in (OPEN, SAME, LESS)]
    none = "With shuffled images nothing is read (at most R² 0.01)."
    assert of_thumbnails(contrasts=rows)[3] == of_thumbnails()[3] == none
    rows += [("shuffled", "neck", MORE, 0.0, 0.0, 0)] * 2
    assert of_thumbnails(contrasts=rows)[3] == (
        "With shuffled images 2 readouts still seem to find something, R² 0.01 (-0.03 to 0.04): distrust them."
    )


# --- factors ----------------------------------------------------------------------------------------------------------

READING = "layer control factor r2/ci accuracy chance"
FACTOR = "contrast factor gap one other starts"


def of_factors(*contrasts: Any, layers: Any = ("stem", "neck", "head"), joined: Any = (), shuffled: Any = (0.02, 0.04)):
    readings = [(layer, "real", name, ends(0.3 + k / 10 + (layer == "head") / 20), 0.66, 0.25)
                for layer in layers for k, name in enumerate("abc")]  # fmt: skip
    readings += [("stem", "shuffled", "a", (0.0, -0.1, high), 0.2, 0.2) for high in shuffled]
    rows = [(*row, *(0.71, 0.58, 3)[len(row) - 3 :]) for row in contrasts]
    tables = {
        "readings": table(READING, *readings), "contrasts": table(FACTOR, *rows),
        "factors": table("factor same", ("a", ""), *joined),
    }  # fmt: skip
    return factor_decoding_findings.findings(tables, 240)


def kinds_of(contrast: str) -> list[tuple[Any, ...]]:
    """Four factors that are more, the largest third; two that are less, three the same and one open."""
    more = [(contrast, name, (gap, gap - 0.05, gap + 0.06)) for name, gap in
            (("m1", 0.2), ("m2", 0.3), ("m3", 0.4), ("m4", 0.1))]  # fmt: skip
    less = [(contrast, name, (gap, gap - 0.05, gap + 0.05)) for name, gap in (("l1", -0.2), ("l2", -0.3))]
    return [*more, *less, *((contrast, name, SAME) for name in ("s1", "s2", "s3")), (contrast, "o1", OPEN)]


def test_factors_are_counted_by_what_is_shown_and_the_largest_named() -> None:
    gaps = {"m1": MORE, "m2": OPEN, "x": MORE, "l1": LESS, "l2": LESS, "m4": MORE, "l3": LESS, "m3": MORE}
    matched = [("matched last - first", name, gap) for name, gap in gaps.items()]
    names = ("last", "last - first", "last - pixels", "last - half of the images", "trained - untrained")
    assert_says(
        of_factors(*matched, *(row for name in names for row in kinds_of(name))),
        "At the last layer, head, 4 of 10 factors of 240 drawings can still be read, 3 cannot, to within R² 0.05; of "
        "the others …. Best are m3 (0.40), m2 (0.30), m1 (0.20).",
        "Between stem and head, 4 factors become more readable, most of all m3 (0.58 → 0.71), m2 (0.58 → 0.71), m1 "
        "(0.58 → 0.71); 2 factors become less readable, most of all l2 (0.58 → 0.71), l1 (0.58 → 0.71); 3 stay "
        "alike to within 0.05, of 1 no change is shown.",
        "At equal widths 4 factors are more and 3 less readable at the last layer, 3 of those 4 among them.",
        "Raw pixels tell 2 factors better than head does and 4 worse (most of all m3, m2, m1); of 4 no difference …",
        "With half of the images to learn from, 4 of 10 factors are read worse at head, most of all m3 (+0.40 (+0.35 "
        "to +0.46)), m2 (+0.30 (+0.25 to +0.36)), m1 (+0.20 (+0.15 to +0.26)), 3 as well to within 0.05: more images "
        "may show …",
        "Against 3 networks with random weights, 4 factors are more readable at head (m3, m2, m1, m4) and 2 less (l2, "
        "l1), 3 alike; of 1 neither is shown.",
        "With factors shuffled among the drawings nothing can be read: R² is 0.04 at most.",
    )


def test_factors_of_which_little_is_shown() -> None:
    assert_says(
        of_factors(("last", "a", OPEN), ("last - first", "a", LESS), ("last - half of the images", "a", LESS),
                   ("trained - untrained", "a", OPEN, 0.5, 0.4, 2), shuffled=(0.04, 0.05, 0.01)),
        "At head, the last of these layers, no factor of 240 drawings is shown to be readable.",
        "Between stem and head, 1 factor becomes less readable, most of all a (0.58 → 0.71); 0 stay alike to within "
        "0.05, of 0 no change is shown.",
        "Raw pixels tell 0 factors better than head does and 0 worse; of 0 no difference is shown.",
        "With half of the images to learn from, 0 of 1 factors are read worse at head, 0 as well to within 0.05: a "
        "rise …",
        "Against 2 networks with random weights, 0 factors are more readable at head and 0 less, 0 alike; of 1 neither "
        "…",
        "With factors shuffled among the drawings R² still reaches 0.05; …",
    )  # fmt: skip
    alone = of_factors(("last", "a", OPEN), ("trained - untrained", "a", MORE, 0.5, 0.4, 1), layers=("head",))
    assert alone[1] == "One layer alone shows no change with depth."
    assert of_factors(("last", "a", OPEN), layers=("stem", "head"))[1].startswith("Between stem and head, ")
    assert alone[3].startswith("One network with random weights is one random start")
    assert of_factors(("last", "a", OPEN))[3] == NO_TWIN


def test_factors_that_go_together_are_one_row() -> None:
    said = of_factors(("last", "a", OPEN), joined=(("b", "d, e"), ("c", "f")))
    assert said[3:5] == [
        f"{name} always go together in these drawings and are one row: R² {numbers}, accuracy 0.66 where chance is "
        "0.25, at head."
        for name, numbers in (("b and d, e", "0.45 (0.41 to 0.48)"), ("c and f", "0.55 (0.51 to 0.58)"))
    ]
