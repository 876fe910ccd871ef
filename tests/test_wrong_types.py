"""What every function of Python does with a value of a wrong type: one sentence, or the value means something.

Each parameter of each is given values that it cannot have, the others being right. Where a value is taken after all,
`Taken` ends the work at its first sign of progress.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lab
from lab.errors import LabError

MODEL = "test_vit@untrained"
PICTURES = np.random.default_rng(0).normal(size=(20, 3, 32, 32)).astype(np.float32)
CLASSES = np.arange(20) % 2
WRONG = (object(), 3, -1.5, [object()], {"a": 1}, np.zeros(3), pd.DataFrame({"a": [1, 2]}))


class Taken(BaseException):
    """The work has begun."""


def taken(*_: Any) -> None:
    raise Taken


RIGHT: dict[str, dict[str, Any]] = {
    "probe": {"models": MODEL, "images": "drawn:shapes", "per_class": 4},
    "compare": {"models": [MODEL, f"{MODEL}:1"], "images": "drawn:shapes", "per_class": 4},
    "diff": {"base": MODEL, "new": f"{MODEL}:1", "images": "drawn:shapes", "per_class": 4},
    "regress": {"models": MODEL, "images": (PICTURES, np.linspace(0, 1, 20))},
    "grades": {"models": MODEL, "images": (PICTURES, CLASSES)},
    "multilabel": {"models": MODEL, "images": (PICTURES, np.stack([CLASSES, 1 - CLASSES], 1))},
    "ladder": {"models": MODEL},
    "which": {"models": [MODEL, f"{MODEL}:1"], "images": "drawn:shapes", "per_class": 4},
    "sweep": {"plan": {"networks": [MODEL], "images": ["drawn:shapes"]}},
    "probe_arrays": {"layers": {"a": PICTURES[:, 0, 0]}, "labels": CLASSES, "repeats": 1},
    "images_of_arrays": {"images": PICTURES, "labels": CLASSES},
    "open_image_set": {"spec": "drawn:shapes", "per_class": 3},
    "image_set_of": {"dataset": [(PICTURES[0], 0), (PICTURES[1], 1)]},
    "select_layers": {"layers": (), "spec": "blocks"},
}


def parameters() -> Iterator[Any]:
    for name in lab.__all__:
        function = getattr(lab, name)
        if inspect.isfunction(function):
            for one in inspect.signature(function).parameters.values():
                if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL):
                    yield pytest.param(function, one.name, id=f"{name}-{one.name}")


def sentence_of(function: Any, given: dict[str, Any]) -> str:
    """Return the error's sentence; that another argument, which has no default, is missing is one too."""
    try:
        function(**given)
    except Taken:
        return "taken"
    except LabError as error:
        return str(error)
    except TypeError as error:
        if "required" not in str(error):
            raise
        return str(error)
    return "taken"


@pytest.mark.parametrize(("function", "parameter"), [*parameters()])
def test_a_wrong_type_ends_in_one_sentence(function: Any, parameter: str) -> None:
    right = dict(RIGHT.get(function.__name__, {}))
    if "progress" in inspect.signature(function).parameters:
        right["progress"] = taken
    said = [sentence_of(function, {**right, parameter: value}) for value in WRONG]
    assert [text for text in said if len(text.splitlines()) != 1] == []
