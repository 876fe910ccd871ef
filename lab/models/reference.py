"""A model by one line of text, `ID[@WEIGHTS][+PRECISION]`: what requests hold and people type. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from lab.errors import LabError, nearest
from lab.weights import LOCAL_SCHEME, MODULE_SCHEME, SOURCES, WeightSource, package_of

# Mixed precision: torch's autocast decides which operations are computed in it. Without one, all are in float32.
MIXED = ("bfloat16", "float16")
# float32, but activations are read by ONNX Runtime or OpenVINO: equal to 1e-4, not to the last bit
RUNTIMES = ("onnx", "openvino")
PRECISIONS = (*MIXED, *RUNTIMES)
NONE_NAMED = "no model was named; name one, such as tf_efficientnet_lite0"


@dataclass(frozen=True, order=True)
class ModelRef:
    """A timm id, verbatim, and its weights: packaged, pretrained, checkpoint:PATH, untrained:SEED or lab:NAME.

    `precision` is one of `PRECISIONS`, "" for float32: it changes what a network puts out, so it is part of its name.
    """

    id: str
    weights: str
    precision: str = ""

    @classmethod
    def parse(cls, text: str | ModelRef) -> ModelRef:
        """Return the reference that "ID" or "ID@WEIGHTS" writes; paths become absolute.

        Without weights: the package's when there is one for the id, else timm's. Looks nothing up; raises LabError
        for an empty id or an unknown weight source.

        >>> str(ModelRef.parse("resnet18@untrained"))
        'resnet18@untrained:0'
        >>> ModelRef.parse("resnet18+bfloat16").precision
        'bfloat16'
        """
        if isinstance(text, ModelRef):
            return text
        text, plus, precision = text.strip().rpartition("+")
        if precision not in PRECISIONS:
            text, precision = f"{text}{plus}{precision}", ""
        id, weights = _split(text)
        if not id:
            raise LabError(f"{text!r} names no model; write ID[@WEIGHTS], such as tf_efficientnet_lite0@packaged")
        if id.startswith(LOCAL_SCHEME):
            id = LOCAL_SCHEME + _absolute(id.removeprefix(LOCAL_SCHEME))
        elif id.startswith(MODULE_SCHEME):
            path, _, factory = id.removeprefix(MODULE_SCHEME).rpartition(":")
            id = f"{MODULE_SCHEME}{_absolute(path) if path else ''}:{factory}"
        source, _, argument = (weights or _usual_weights(id)).partition(":")
        if source == "untrained":
            source, argument = "code" if id.startswith(MODULE_SCHEME) else source, argument or "0"
        elif source == "checkpoint" and argument:
            argument = _absolute(argument)
        return cls(id, f"{source}:{argument}" if argument else source, precision)

    def __str__(self) -> str:
        return f"{self.id}@{self.weights}{self.precision and f'+{self.precision}'}"

    @property
    def source(self) -> WeightSource:
        """The row of the table of weight sources."""
        return SOURCES[self.weights.partition(":")[0]]

    @property
    def argument(self) -> str:
        """What stands after the source's colon: a path or a seed, "" when nothing does."""
        return self.weights.partition(":")[2]

    @property
    def short(self) -> str:
        """A short text for charts: the id, and the weights and the precision where they are not the usual ones."""
        if self.precision:
            return f"{replace(self, precision='').short} in {self.precision}"
        id = Path(self.id.removeprefix(LOCAL_SCHEME)).name if self.id.startswith(LOCAL_SCHEME) else self.id
        if self.own_code:
            id = id.removeprefix(MODULE_SCHEME).rpartition("/")[2]
            return f"{id} (untrained {self.argument.rpartition('/')[2]})" if self.untrained else id
        if self.source.name == "untrained":
            return f"{id} (untrained{'' if self.argument == '0' else f' {self.argument}'})"
        if self.source.name == "checkpoint":
            return f"{id} ({Path(self.argument).name})"
        return id if self.weights == _usual_weights(self.id) else f"{id} ({self.weights})"

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: drawn from a seed, or what training here began with."""
        random = {"lab": self.argument.endswith("/0"), "python": "/" in self.argument, "code": bool(self.argument)}
        return random.get(self.source.name, self.source.name == "untrained")

    @property
    def own_code(self) -> bool:
        """Whether the network is the user's own: a module from Python, or what a file of his makes."""
        return self.source.own_code

    def twin(self, seed: int = 0) -> ModelRef:
        """Return the same architecture with random weights; of weights trained here, those that training began with."""
        if self.source.name == "lab":
            return replace(self, weights=f"lab:{self.argument.partition('/')[0]}/0")
        if self.own_code:
            name = f"{self.argument.partition('/')[0]}/" if self.source.name == "python" else ""
            return replace(self, weights=f"{self.source.name}:{name}{seed}")
        return replace(self, weights=f"untrained:{seed}")

    def check(self) -> None:
        """Raise LabError when the network or its weights cannot be had; takes at most three seconds, and no torch."""
        self.source.check(self.id, self.argument)

    def stamp(self) -> str:
        """Return a cheap text that changes when the weights behind the reference do (a file's size and time)."""
        return self.source.stamp(self.id, self.argument)


def _split(text: str) -> tuple[str, str]:
    """Return id and weights; an "@" that no weight source follows belongs to the id of a hub repository or folder."""
    for position, sign in enumerate(text):
        if sign == "@" and text[position + 1 :].partition(":")[0] in SOURCES:
            return text[:position], text[position + 1 :]
    id, _, weights = text.partition("@")
    if weights and ":" not in id:
        known = ", ".join(f"{row.name}{':' + row.argument if row.argument else ''}" for row in SOURCES.values())
        file = f"; for a file write {id}@checkpoint:{weights}" if Path(weights).suffix or "/" in weights else ""
        raise LabError(
            f"there is no weight source {weights!r}{nearest(weights, SOURCES)}{file}; write ID@ and one of {known}"
        )
    return text, ""


def _usual_weights(id: str) -> str:
    if id.startswith(MODULE_SCHEME):
        return "code"
    return "packaged" if package_of(id) else "pretrained"


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())
