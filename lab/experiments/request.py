"""Requests that are asked with `feature-lab ask QUESTION`: options, command line and checks follow from their fields.

A subclass of `AskRequest` declares each field with `option`; its help, its limits and the choices it allows are read
by the command line and by `__post_init__`, so a new question adds no parsing code anywhere.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from lab.errors import LabError, nearest
from lab.experiments.base import Request
from lab.experiments.picture import picture_stamp, settled_picture
from lab.experiments.separability.request import DEFAULT_MODEL
from lab.images import settled, stamp
from lab.models import ModelRef

MODEL_HELP = "a timm model, ID[@WEIGHTS]"


def option(
    default: Any,
    about: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Return a dataclass field of a request: its default, a help text, and what values are allowed."""
    return dataclasses.field(
        default=default, metadata={"about": about, "least": least, "most": most, "choices": tuple(choices)}
    )


@dataclass(frozen=True)
class OptionsRequest(Request):
    """A request whose command line is `feature-lab ask NAME --field value …`; default fields are left out."""

    command_words: ClassVar[tuple[str, ...]] = ()  # of questions that have a command of their own

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    def command(self) -> str:
        """Return the `feature-lab ask` line that asks the same."""
        words = ["feature-lab", *(self.command_words or ("ask", self.experiment))]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                # One word, so that a value may begin with a minus.
                words.append(f"--{field.name.replace('_', '-')}={value}")
        return shlex.join(words)

    def canonical(self) -> Self:
        """Return the request with its model's weights and the paths of its images spelled out."""

        def spelled_out(model: str) -> str:
            return str(ModelRef.parse(model))

        ways = {"model": spelled_out, "picture": settled_picture, "data": settled, "probe_data": settled}
        return replace(self, **{name: way(value) for name, way in ways.items() if (value := getattr(self, name, None))})

    def sources(self) -> dict[str, str]:
        """Return stamps of the model's weights and of the files of picture and images, where the question has them."""
        found = {}
        if model := getattr(self, "model", None):
            found[model] = ModelRef.parse(model).stamp()
        if picture := getattr(self, "picture", None):
            found["picture"] = picture_stamp(picture)
        if data := getattr(self, "data", None):
            found["data"] = stamp(data)
        return found


def model_option() -> Any:
    """Return the field that names the network."""
    return option(DEFAULT_MODEL, MODEL_HELP)


def _check(field: dataclasses.Field[Any], value: Any) -> None:
    name = field.name.replace("_", "-")
    least, most, choices = (field.metadata.get(key) for key in ("least", "most", "choices"))
    if choices and value not in choices:
        raise LabError(f"there is no {name} {value!r}{nearest(str(value), choices)}; known: {', '.join(choices)}")
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    # Asked this way round, what is no number at all (nan) is out of range too.
    if not ((least is None or value >= least) and (most is None or value <= most)):
        raise LabError(f"{name} is {value}; it must be from {least} to {most}")
