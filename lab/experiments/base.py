"""What an experiment is asked: a frozen `Request`.

It is the cache key, the name of the run folder, the page's URL and the command line that reproduces it; so it
holds what is asked, never how it is computed (device, batch size: `lab.settings.Compute`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lab.errors import LabError, nearest
from lab.experiments.early import CardLookup, check_listed
from lab.experiments.fields import (
    KINDS,
    as_words,
    check_value,
    from_caller,
    given_id,
    in_python,
    option,
    type_name,
)
from lab.experiments.picture import picture_stamp, settled_picture
from lab.images import from_python, settled, short_name, stamp
from lab.models import ModelRef, card
from lab.partial_results import PartialResults
from lab.weights import MODULE_SCHEME

if TYPE_CHECKING:
    pass

__all__ = [
    "DATA_HELP",
    "DEFAULT_DATA",
    "DEFAULT_MODEL",
    "KINDS",
    "LAYERS_HELP",
    "RESULTS_VERSION",
    "PartialResults",
    "Request",
    "code_file",
    "model_option",
    "option",
    "type_name",
]

# Raise when the numbers an experiment computes from a request change: older runs are then computed anew.
RESULTS_VERSION = 3
DEFAULT_MODEL = "tf_efficientnet_lite0@packaged"
DEFAULT_DATA = "drawn:pets"
DATA_HELP = "images: a set's name, or a folder or zip with one folder a class"
LAYERS_HELP = "stages, blocks, or names with commas between them"


def model_option() -> Any:
    """Return the field that names the network."""
    return option(DEFAULT_MODEL, "a timm model, ID[@WEIGHTS]")


@dataclass(frozen=True)
class Request:
    """What is asked. Subclasses declare each field with `option`; all are JSON scalars or tuples of strings.

    The command line, the widgets of a page, the URL and the checks of values follow from the fields, so a new question
    adds no parsing code anywhere.
    """

    experiment: ClassVar[str]
    command_words: ClassVar[tuple[str, ...]] = ()  # of questions that have a command of their own
    # Fields that earlier runs never had: they are in a request only where they are not as usual, so that names stay.
    added: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_value(field, getattr(self, field.name))

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON-able values, the experiment's name included."""
        values = {
            f.name: list(value) if isinstance(value := getattr(self, f.name), tuple) else value
            for f in dataclasses.fields(self)
            if f.name not in self.added or getattr(self, f.name) != f.default
        }
        return {"experiment": self.experiment, **values}

    @property
    def digest(self) -> str:
        """Hex SHA-256 of what is asked and of the version of the code's numbers."""
        text = json.dumps([RESULTS_VERSION, self.as_dict()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """The name of the run folder that holds this request's result."""
        return f"{self.experiment}-{self.digest[:12]}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the request that `as_dict` described, or that a caller asks for from Python.

        Fields that are not there keep their defaults. Where several texts can be given, one alone stands for a list of
        it ("all" and "none" for all and none that are known); where names stand in one text, a list of them does too.
        Raises LabError for a field that is not there and for a value of another kind.
        """
        names = {f.name: f for f in dataclasses.fields(cls)}
        unknown = [name for name in values if name not in {*names, "experiment"}]
        if unknown:
            raise LabError(f"a {cls.experiment} request has no field {unknown[0]!r}{nearest(unknown[0], names)}")
        return cls(**{name: from_caller(names[name], value) for name, value in values.items() if name in names})

    def command(self) -> str:
        """Return the command line that asks the same, default fields left out; a comment where none can."""
        if what := self.from_python():
            return f"# {what} came from Python: {self.python()}"
        words = ["feature-lab", *(self.command_words or ("ask", self.experiment))]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                # One word each, so that a value may begin with a minus.
                words += [f"--{name}={text}" for name, text in as_words(field, value)]
        files = dict.fromkeys(file for file in map(code_file, self.networks()) if file)
        return shlex.join([*words, *(f"--allow-code={file}" for file in files)])

    def python(self) -> str:
        """Return the call that asks the same from Python."""
        given = [(field, getattr(self, field.name)) for field in dataclasses.fields(self)]
        words = [f"{field.name}={in_python(value)}" for field, value in given if value != field.default]
        return f"lab.ask({', '.join([repr(self.experiment), *words])})"

    def networks(self) -> tuple[str, ...]:
        """Return the names of the networks that are asked about."""
        several = getattr(self, "models", ()) or (getattr(self, "model", ""), *getattr(self, "others", ()))
        return tuple(filter(None, several))

    def from_python(self) -> str:
        """Return what of the request was given from Python and no name stands for, "" when nothing was."""
        given = [f"the network {id}" for id in map(given_id, self.networks()) if id]
        if from_python(data := str(getattr(self, "data", ""))):
            given.append(f"the images {short_name(data)}")
        return " and ".join(given)

    def title(self) -> str:
        """Return a short text for people, used as the run's first name."""
        raise NotImplementedError

    def canonical(self) -> Self:
        """Return the request with its weights and the paths of its images spelled out: equal questions, equal names."""

        def spelled_out(model: str) -> str:
            return str(ModelRef.parse(model))

        def each(models: Sequence[str]) -> tuple[str, ...]:
            return tuple(map(spelled_out, models))

        ways = {
            "model": spelled_out, "models": each, "others": each, "picture": settled_picture, "data": settled,
            "probe_data": settled,
        }  # fmt: skip
        return replace(self, **{name: way(value) for name, way in ways.items() if (value := getattr(self, name, None))})

    def check(self, cards: CardLookup = card) -> None:
        """Raise LabError for what can be told to be wrong before any work (`lab.experiments.early`): what is not
        listed, a number that its layer has not. `cards` gives the card of a model, None where it is not at hand."""
        check_listed(self, cards)

    def sources(self) -> dict[str, str]:
        """Return what the answer depends on beyond the request (weights, pictures, images), each with a cheap stamp."""
        found = {model: ModelRef.parse(model).stamp() for model in self.networks()}
        if picture := getattr(self, "picture", None):
            found["picture"] = picture_stamp(picture)
        if data := getattr(self, "data", None):
            found["data"] = stamp(data)
        return found


def code_file(model: str) -> str:
    """Return the file whose code makes a network, "" for one that is no code. Takes any text."""
    id, _, weights = model.rpartition("@")
    id = id if weights.partition(":")[0] == "code" else model
    return id.removeprefix(MODULE_SCHEME).rpartition(":")[0] if id.startswith(MODULE_SCHEME) else ""
