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
        (MORE, "and some is left at the end"), (SAME, "and nothing is left"),
        (LESS, "and nothing is left"), (OPEN, "and nothing is shown to be left"),
    ],
)  # fmt: skip
def test_what_fades_on_the_way_up(gap: Any, last: float, change: str, end: Any, left: str) -> None:
    assert of_thumbnails({"last - first": gap, "last": end}, last=last)[0] == (
        f"{change}, {left}: rebuilt thumbnails have R² 0.81 from stem, {last:.2f} from head (difference {ENDS[gap]}, "
        "240 images)."
    )


def test_layers_that_have_no_grid_are_told_by_their_averages() -> None:
    said = of_thumbnails({"last - first": SAME}, pooled=True)[0]
    assert "R² 0.20 from stem, 0.20 from stem (diff" in said


@pytest.mark.parametrize(
    ("gap", "change", "beyond", "learning"),
    [
        (
            LESS,
            "the last layer gives less",
            "the last layer gives less than the colour (",
            "More images do not help: ",
        ),
        (
            MORE,
            "the last layer gives more",
            "the last layer gives more than the colour (",
            "More images would give more: ",
        ),
        (
            SAME,
            "both ends give alike",
            "the last layer gives no more than the colour (",
            "Twice the images add less than 0.05: ",
        ),
        (
            OPEN,
            "no difference is shown",
            "the last layer is not shown to give more than the colour (",
            "Whether more images would give more is not shown: ",
        ),
    ],
)
def test_readouts_are_set_against_equal_widths_colours_and_more_images(
    gap: Any, change: str, beyond: str, learning: str
) -> None:
    kinds = {"matched last - first": gap, "last - mean colour": gap, "all images - half": gap, "last - pixels": LESS}
    said = of_thumbnails(kinds)[1:4]
    assert said[0] == (f"At equal widths (1,234) {change} ({ENDS[gap]}).")
    assert said[1] == (f"The mean colour alone gives 0.11, raw pixels 0.64; {beyond}{ENDS[gap]}).")
    assert said[2] == (f"{learning}all minus half {ENDS[gap]}.")
    assert len(of_thumbnails()) == 4


@pytest.mark.parametrize(
    ("gaps", "adds"),
    [
        ((LESS, MORE, SAME, OPEN), "a grid of positions adds up to +0.12 (+0.07 to +0.17) (at l1)."),
        ((MORE, (0.2, -0.1, 0.5), (0.11, 0.06, 0.2)), "a grid of positions adds up to +0.12 (+0.07 to +0.17) "
                                                      "(at l0)."),
        ((SAME, LESS), "a grid of positions adds no more than 0.05."),
        ((SAME, LESS, (-0.02, -0.3, 0.2)), "a grid of positions is not shown to add anything."),
    ],
)  # fmt: skip
def test_what_a_grid_of_positions_adds(gaps: Any, adds: str) -> None:
    rows = [("grid - average", f"l{k}", gap, 0.0, 0.0, 0) for k, gap in enumerate(gaps)]
    more = [readout("neck", 0.44, "avg"), readout("head", 0.3, "avg")]
    said = of_thumbnails(contrasts=rows, more=more)
    assert said[2] == f"Averaged over positions, layers give at most 0.44 (neck); {adds}"


def test_readouts_of_the_trained_network_against_its_twins() -> None:
    assert of_thumbnails()[2] == NO_TWIN
    rows = [("trained - untrained", layer, gap, 0.61, 0.58, 3) for layer, gap in
            (("a", MORE), ("b", LESS), ("c", SAME), ("d", OPEN), ("e", MORE), ("f", SAME), ("g", MORE))]  # fmt: skip
    last = ("trained - untrained", "head", (-0.2, -0.3, -0.1), 0.34, 0.54, 3)
    assert of_thumbnails(contrasts=[*rows, last])[2] == (
        "Against 3 networks with random weights, training keeps more at 3 of 8 layers, less at 2; at head 0.34 against "
        "0.54 (difference −0.20 (−0.30 to −0.10))."
    )
    two = ("trained - untrained", "head", LESS, 0.34, 0.54, 2)
    assert of_thumbnails(contrasts=[two])[2].startswith("Against 2 networks")
    one = ("trained - untrained", "head", LESS, 0.34, 0.54, 1)
    assert of_thumbnails(contrasts=[one])[2] == (
        "The weights before training give 0.54 at head against 0.34: one random start shows nothing."
    )


def test_readouts_of_shuffled_images_are_told() -> None:
    rows = [("shuffled", "stem", gap, 0.0, 0.0, 0) for gap in (OPEN, SAME, LESS)]
    none = "Shuffled images give R² 0.01 at most."
    assert of_thumbnails(contrasts=rows)[3] == of_thumbnails()[3] == none
    rows += [("shuffled", "neck", MORE, 0.0, 0.0, 0)] * 2
    assert of_thumbnails(contrasts=rows)[3] == (
        "Shuffled images still give R² 0.01 (-0.03 to 0.04) in 2 readouts: distrust them."
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
        "4 of 10 factors of 240 drawings can be read at the last layer, head, best m3 (0.40), m2 (0.30); 3 cannot, to "
        "within R² 0.05.",
        "From stem to head: 4 rise, most m3 (0.58 → 0.71), m2 (0.58 → 0.71); 2 fall, most l2 (0.58 → 0.71), l1 (0.58 → "
        "0.71); of 4 no change is shown.",
        "At equal widths 4 rise and 3 fall.",
        "Raw pixels read 2 better than head and 4 worse.",
        "Half of the images read 4 of 10 factors worse at head: more images may show more.",
        "Against 3 networks with random weights, head reads 4 better and 2 worse.",
        "Shuffled factors give R² 0.04 at most.",
    )


def test_factors_of_which_little_is_shown() -> None:
    assert_says(
        of_factors(("last", "a", OPEN), ("last - first", "a", LESS), ("last - half of the images", "a", LESS),
                   ("trained - untrained", "a", OPEN, 0.5, 0.4, 2), shuffled=(0.04, 0.05, 0.01)),
        "No factor of 240 drawings is shown to be readable at the last layer, head.",
        "From stem to head: 1 fall, most a (0.58 → 0.71); of 0 no change is shown.",
        "Raw pixels read 0 better than head and 0 worse.",
        "Half of the images read 0 of 1 factors worse at head.",
        "Against 2 networks with random weights, head reads 0 better and 0 worse.",
        "Shuffled factors still give R² 0.05: …",
    )  # fmt: skip
    alone = of_factors(("last", "a", OPEN), ("trained - untrained", "a", MORE, 0.5, 0.4, 1), layers=("head",))
    assert alone[1] == "One layer alone shows no change with depth."
    assert of_factors(("last", "a", OPEN), layers=("stem", "head"))[1].startswith("From stem to head: ")
    assert alone[3].startswith("One random start is too few")
    assert of_factors(("last", "a", OPEN))[3] == NO_TWIN


def test_factors_that_go_together_are_one_row() -> None:
    said = of_factors(("last", "a", OPEN), joined=(("b", "d, e"), ("c", "f")))
    assert said[3:5] == [f"{name} always go together and are one row." for name in ("b and d, e", "c and f")]
