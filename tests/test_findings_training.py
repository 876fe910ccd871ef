"""What sentences on trainings and arrangements say of planted tables: each outcome, each number, each name."""

from __future__ import annotations

from typing import Any

import pytest
from planted import NOTHING, assert_says, table

from lab.experiments.training import findings as training
from lab.experiments.width_vs_depth import findings as arrangements
from lab.experiments.width_vs_depth.tasks import ORIENTATION

NAN = float("nan")

# --- train ------------------------------------------------------------------------------------------------------------

HISTORY = table(
    "epoch step training_accuracy validation_loss", (1, 10, 0.5, 0.9), (2, 20, 0.7, 0.41), (3, 30, 0.93, 0.52),
    (4, 40, 0.98, 0.6),
)  # fmt: skip


def of_training(
    low: float = 0.81, *, accuracy: float = 0.87, ended: str = "enough", classes: Any = ("cat", "dog")
) -> Any:
    test = table("accuracy/ci chance images", ((accuracy, low, 0.92), 0.5, 60.0))
    about = {"classes": classes, "ended": ended, "recipe": {"patience": 5}, "seconds": 12.4}
    return training.training_findings("resnet", about, {"history": HISTORY, "test": test})


def test_what_a_training_has_learnt() -> None:
    kept = "Kept is epoch 2, of lowest validation loss."
    memory = "On its training images it gets 0.98: {} are memory, not skill."
    assert_says(
        of_training(),
        "resnet has learnt to tell cat from dog: 0.870 of 60 unseen test images right (0.81 to 0.92, chance 0.50).",
        f"It ended after 4 epochs (40 steps, 12 s): it was good enough twice in a row. {kept}",
        memory.format("0.11"),
    )
    assert_says(
        of_training(0.5, accuracy=0.879, ended="patience", classes=("a", "b", "c"))[:2],
        "resnet is not shown to have learnt to tell a, b and c apart: 0.879 of 60 … (0.50 to 0.92, chance 0.50).",
        "…4 epochs (40…12…: the validation loss had not improved for 5 epochs. …2…",
    )
    assert_says(
        of_training(0.5, accuracy=0.89)[2:],
        "On its training images it gets only 0.98: …",
    )
    assert of_training(0.5, accuracy=0.7)[2] == memory.format("0.28")
    assert len(of_training(accuracy=0.89)) == 2
    assert len(of_training(accuracy=0.99)) == 2
    assert of_training(ended="epochs")[1].endswith(f": no more were planned. {kept}")


PROBE = "layer control step accuracy/ci"
GAIN = "layer depth gain lead onset"


def of_checkpoints(*gains: Any, start: int = 0, controls: bool = True, cosines: Any = (0.9, 0.8)) -> list[str]:
    rows = [
        ("head", "probe", start, (0.51, 0.45, 0.57)), ("head", "probe", 50, (0.6, 0.5, 0.7)),
        ("head", "probe", 90, (0.84, 0.78, 0.9)), ("stem", "probe", 90, (0.99, 0.9, 1.0)),
    ]  # fmt: skip
    if controls:
        rows += [("head", "shuffled", step, (0.4 + step / 1000, 0.1, 0.2)) for step in (0, 90)]
        rows += [("stem", "shuffled", 90, NOTHING), ("", "pixels", 0, (0.1, 0, 1)), ("", "pixels", 90, (0.62, 0, 1))]
    filters = [("stem", step, cosine + 0.2 * (step == 0)) for step in (0, 90) for cosine in cosines]
    tables = {
        "probes": table(PROBE, *rows), "gains": table(GAIN, *gains), "filters": table("layer step cosine", *filters),
    }  # fmt: skip
    return training.checkpoint_findings(tables)


def gain(
    layer: str, gained: Any = NOTHING, lead: Any = NOTHING, onset: int = -1, depth: float = 0.5
) -> tuple[Any, ...]:
    return layer, depth, gained, lead, onset


@pytest.mark.parametrize(
    ("gained", "did"),
    [
        ((0.33, 0.2, 0.4), "Training has brought the classes apart"),
        ((-0.33, -0.4, -0.2), "Training has made it worse"),
        ((0.33, 0.0, 0.5), "No effect of training is shown"),
        ((-0.33, -0.5, 0.0), "No effect of training is shown"),
    ],
)
def test_what_training_has_done_at_the_last_layer(gained: Any, did: str) -> None:
    other = gain("stem", (0.1, 0.05, 0.2) if gained[0] < 0 else (-0.1, -0.2, -0.05))
    text = (
        f"{did} at head: on held-out images a probe reads 0.51 (0.45 to 0.57) {{}}, 0.84 (0.78 to 0.90) after step 90"
    )
    end = " (shuffled labels 0.49, raw pixels 0.62)."
    assert of_checkpoints(other, gain("head", gained))[0] == f"{text.format('before the first step')}{end}"
    assert of_checkpoints(gain("head", gained), start=1)[0] == f"{text.format('after step 1')}{end}"


@pytest.mark.parametrize(
    ("lead", "claim"),
    [
        ((0.3, 0.1, 0.5), "The last layer gains more than the first"),
        ((-0.3, -0.5, -0.1), "The first layer gains more than the last"),
        ((0.2, 0.0, 0.5), "No difference in gain is shown between the first and the last layer"),
        ((-0.2, -0.5, 0.0), "No difference in gain is shown between the first and the last layer"),
    ],
)
def test_whether_late_layers_gain_more(lead: Any, claim: str) -> None:
    rows = gain("stem", (0.11, 0.05, 0.2)), gain("neck", (0.2, 0, 1)), gain("head", (0.42, 0.3, 0.5), lead)
    assert of_checkpoints(*rows)[1] == (
        f"{claim}: +0.11 at stem, +0.42 at head (difference {lead[0]:+.2f}, {lead[1]:+.2f} to {lead[2]:+.2f})."
    )
    assert of_checkpoints(rows[-1])[1] == "Only one layer was watched, head."


def test_the_order_in_which_layers_come_to_read_the_classes() -> None:
    none = "No layer is shown to read the classes better than before training."
    assert of_checkpoints(gain("a"), gain("head"))[2] == none
    many = "layers come to read the classes better"
    same = (gain("a", onset=30), gain("b"), gain("head", onset=30))
    assert of_checkpoints(*same)[2] == f"2 of 3 {many}, all at step 30."
    order = (
        gain("a", onset=60, depth=0.1), gain("b", onset=20, depth=0.4), gain("c", onset=0, depth=0.6),
        gain("d", onset=60, depth=0.05), gain("e", onset=0, depth=0.5), gain("head"),
    )  # fmt: skip
    assert of_checkpoints(*order)[2] == f"5 of 6 {many}: e, c first (step 0), d, a last (step 60)."


@pytest.mark.parametrize(
    ("cosines", "did"),
    [
        ((0.9, 0.9), "have hardly moved"),
        ((0.9, 0.8), "still resemble their random start"),
        ((0.5, 0.5), "still resemble their random start"), ((0.6, 0.3), "have become others"),
    ],
)  # fmt: skip
def test_how_far_filters_have_moved(cosines: Any, did: str) -> None:
    mean = f"{sum(cosines) / 2:.2f}"
    assert of_checkpoints(gain("head"), cosines=cosines)[3] == (f"The 2 filters of stem {did} (mean cosine {mean}).")
    without = of_checkpoints(gain("head"), cosines=(), controls=False)
    assert without[3] == "This network has no first layer of filters to show."
    assert without[0].endswith("after step 90.")


# --- width_vs_depth ---------------------------------------------------------------------------------------------------

ARRANGED = ("stack", "wide", "parallel", "other", "linear")
CLEAR, LEVEL, BEHIND = (0.12, 0.06, 0.18), (0.05, 0.0, 0.1), (-0.1, -0.2, -0.03)


def of_arrangements(tasks: dict[str, dict[str, Any]], leads: dict[str, Any] | None = None, **linear: Any) -> list[str]:
    """Accuracies by task and network, ± 0.04; leads of the stack by "task/network", by default clear."""
    summary, ahead = [], []
    for task, accuracies in tasks.items():
        for name, value in ({"linear": 0.52} | accuracies).items():
            ends = linear.get(task, (value, value - 0.04, value + 0.03)) if name == "linear" else None
            summary.append((task, name, 400, 0.5, (0.99, 0.98, 1.0)))
            summary.append((task, name, 1200, 0.5, ends or (value, value - 0.04, value + 0.03)))
            if name != "stack":
                ahead.append((task, name, (leads or {}).get(f"{task}/{name}", CLEAR)))
    tables = {
        "networks": table("network title", *((name, f"the {name} one") for name in ARRANGED)),
        "summary": table("task network seen chance accuracy/ci", *summary),
        "leads": table("task network lead/ci", *ahead),
        "curve": table("seed", (0,), (1,), (2,), (0,)),
    }
    return arrangements.findings(tables)


TASK = {"stack": 0.97, "wide": 0.81, "parallel": 0.86, "other": 0.84}


def test_the_stack_is_set_against_the_best_of_the_others() -> None:
    leads = {"faces/parallel": LEVEL, "pets/parallel": (-0.1, -0.2, 0.0), "pets/other": BEHIND}
    pets = TASK | {"other": 0.99}
    said = of_arrangements({"shapes": TASK, "faces": TASK, "pets": pets, ORIENTATION: TASK}, leads)
    best = "the stack 0.97, the best other, the"
    assert_says(
        said,
        "At equal size and training, stacked layers beat a single one in 1 of 3 tasks of joined parts (shapes).",
        f"To tell rectangles from diamonds: {best} parallel one, 0.86; the stack is ahead (+0.12, +0.06 to +0.18).",
        f"To tell faces from scrambled ones: {best} parallel one, 0.86; no difference is shown "
        "(+0.05, +0.00 to +0.10).",
        f"To tell cats from dogs: {best} other one, 0.99; the stack is behind (-0.10, -0.20 to -0.03).",
        "To tell lying from standing stripes, no single layer has solved even this: the parallel one 0.86, "
        "the stack 0.97; the stack is ahead (+0.12, +0.06 to +0.18).",
        "Without activations the stack stays at chance, to within 0.1, in every task: …",
    )
    level = of_arrangements({"pets": TASK}, {"pets/parallel": (-0.1, -0.2, 0.0)})[1]
    assert "no difference is shown (-0.10, -0.20 to +0.00)" in level


def test_whether_stacking_beats_laying_side_by_side() -> None:
    assert of_arrangements(
        {"shapes": TASK, ORIENTATION: TASK}, {f"{ORIENTATION}/wide": BEHIND, "shapes/other": BEHIND}
    )[0] == ("At equal size and training, stacked layers beat a single one in every task of joined parts.")
    for other in (LEVEL, BEHIND):
        none = of_arrangements({"shapes": TASK, "pets": TASK}, {"shapes/wide": other, "pets/parallel": LEVEL})[0]
        assert none.startswith("At this size and training no advantage of stacked layers over a single one is")
    only = of_arrangements({ORIENTATION: TASK})
    assert only[0].startswith("Only a task that one layer can solve was asked")
    assert len(only) == 3


@pytest.mark.parametrize(
    ("wide", "parallel", "able", "name"),
    [
        (0.96, 0.95, "a single layer is enough", "wide"), (0.8, 0.95, "a single layer is enough", "parallel"),
        (0.94, 0.8, "whether a single layer is enough is not settled", "wide"),
        (0.88, 0.8, "whether a single layer is enough is not settled", "wide"),
        (0.8, 0.87, "whether a single layer is enough is not settled", "parallel"),
        (0.86, 0.8, "no single layer has solved even this", "wide"),
    ],
)  # fmt: skip
def test_whether_a_single_layer_tells_orientation(wide: float, parallel: float, able: str, name: str) -> None:
    leads = {f"{ORIENTATION}/{name}": BEHIND, f"{ORIENTATION}/other": LEVEL}
    said = of_arrangements({ORIENTATION: TASK | {"wide": wide, "parallel": parallel, "other": 0.99}}, leads)[1]
    best = max(wide, parallel)
    assert said == (
        f"To tell lying from standing stripes, {able}: the {name} one {best:.2f}, "
        "the stack 0.97; the stack is behind (-0.10, -0.20 to -0.03)."
    )


def test_what_is_left_of_the_stack_without_activations() -> None:
    def last(*ends: Any) -> str:
        named = dict(zip(("shapes", "faces", "pets"), ends, strict=False))
        return of_arrangements(dict.fromkeys(named, TASK), **named)[-1]

    chance, high, above = (0.52, 0.5, 0.6), (0.58, 0.4, 0.61), (0.57, 0.51, 0.63)
    assert last(chance, chance).startswith(
        "Without activations the stack stays at chance, to within 0.1, in every task:"
    )
    assert last(chance, high) == (
        "Without activations the stack is not shown to beat chance in any task (highest 0.58)."
    )
    assert last(chance, above, above) == (
        "Without activations the stack is above chance in 2 of 3 tasks (faces, pets): there a linear map "
        "is enough for something."
    )
