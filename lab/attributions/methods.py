"""The table of attribution methods. A new one is a function from `AttributionTask` to `AttributionMaps` and a row.

Torch-free: a method imports torch and captum when it is first used. Whether a method is valid for a network and a layer
is told by its `why_not` here (from the network's make) and by `lab.attributions.capability` (from what a pass shows).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from lab.attributions import gradient_methods
from lab.attributions.task import AttributionMaps, AttributionTask
from lab.errors import LabError, nearest

Where = Literal["layer", "picture"]
# Activations for which Captum's DeepLift has a rule; with any other it takes the plain gradient.
RULES = ("ReLU", "LeakyReLU", "ELU", "Sigmoid", "Tanh", "Softplus", "Softmax")


@dataclass(frozen=True)
class MethodFacts:
    """What a method's validity depends on: a network's activations by class name, whether one of them is called more
    than once a pass, whether it attends, and its normalisations that are no fixed scaling."""

    activations: tuple[str, ...]
    reused: bool = False
    attends: bool = False
    normalisations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """A row: `where` the map lies, `fast` when it needs no pass beyond the shared one, `complete` when its parts must
    add up to a difference of scores, `gradient` when it is zero where the score's gradient is."""

    name: str
    title: str
    where: Where
    explain: Callable[[AttributionTask], AttributionMaps]  # of a task whose layers are all valid for the method
    about: str
    signed: bool = False
    fast: bool = False
    complete: bool = False
    gradient: bool = True
    warning: str = ""
    why_not: Callable[[MethodFacts], str] = lambda facts: ""


def _input() -> ModuleType:
    from lab.attributions import input_methods  # imports torch and captum

    return input_methods


def _path() -> ModuleType:
    from lab.attributions import path_methods  # imports torch

    return path_methods


def _guided(facts: MethodFacts) -> str:
    if "ReLU" in facts.activations:
        return ""
    return f"its activations are {_listed(facts.activations)}, not ReLU, so it would be the plain gradient"


def _deeplift(facts: MethodFacts) -> str:
    without = [name for name in facts.activations if name not in RULES]
    if without:
        return f"DeepLift has no rule for its activation {_listed(without)}; it would be input × gradient"
    if facts.attends:
        return "DeepLift has no rule for attention, whose parts multiply each other"
    if facts.normalisations:
        return f"DeepLift has no rule for {_listed(facts.normalisations)}"
    return "an activation is called more than once in a pass, which DeepLift cannot follow" if facts.reused else ""


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none that are modules"


METHODS: dict[str, Method] = {
    row.name: row
    for row in (
        Method(
            "gradcam", "Grad-CAM", "layer", gradient_methods.gradcam, fast=True,
            about="Where the layer's channels respond, weighted by how much each raises the score on average.",
        ),
        Method(
            "gradxact", "Gradient × activation", "layer", gradient_methods.gradient_times_activation,
            fast=True, signed=True,
            about="Each position's activation times its own gradient: for the score, or against it.",
        ),
        Method(
            "activation", "Activation", "layer", gradient_methods.activation, fast=True, gradient=False,
            about="How strongly the layer responds, whatever the target is: what a map shows without any target.",
        ),
        Method(
            "layer_ig", "Layer integrated gradients", "layer", lambda task: _path().layer_integrated_gradients(task),
            complete=True, signed=True,
            about="Gradients added up while the layer's activation goes from that of a blank picture to its own.",
        ),
        Method(
            "conductance", "Layer conductance", "layer", lambda task: _path().conductance(task),
            complete=True, signed=True,
            about="How much of the change of score flows through each position while the picture fades in.",
        ),
        Method(
            "saliency", "Saliency", "picture", gradient_methods.saliency, fast=True,
            about="How fast the score changes with each pixel.",
        ),
        Method(
            "inputxgrad", "Input × gradient", "picture", gradient_methods.input_times_gradient, fast=True, signed=True,
            about="Each pixel times its gradient.",
        ),
        Method(
            "ig", "Integrated gradients", "picture", lambda task: _input().integrated_gradients(task),
            complete=True, signed=True,
            about="Gradients added up while the picture fades in from a blank one.",
        ),
        Method(
            "smoothgrad", "SmoothGrad", "picture", lambda task: _input().smoothgrad(task),
            about="The mean gradient of noisy copies of the picture.",
        ),
        Method(
            "occlusion", "Occlusion", "picture", lambda task: _input().occlusion(task), signed=True, gradient=False,
            about="How far the score falls when a square of the picture is blanked out.",
        ),
        Method(
            "guided_backprop", "Guided backpropagation", "picture", lambda task: _input().guided_backpropagation(task),
            why_not=_guided,
            about="The gradient with its negative parts cut off at every ReLU.",
            warning="Guided backpropagation fails published sanity checks: it looks much the same when the network's "
            "later weights are random (Adebayo et al. 2018), because it restores edges of the picture.",
        ),
        Method(
            "deeplift", "DeepLift", "picture", lambda task: _input().deeplift(task),
            complete=True, signed=True, why_not=_deeplift,
            about="Each pixel's share of the change of score against a blank picture, rule by rule.",
        ),
    )
}  # fmt: skip
FAST = tuple(row.name for row in METHODS.values() if row.fast)


def named(spec: str) -> tuple[Method, ...]:
    """Return the methods that `fast`, `all` or names with commas between them pick, in the table's order."""
    if spec in ("fast", "all"):
        return tuple(row for row in METHODS.values() if row.fast or spec == "all")
    names = [name.strip() for name in spec.split(",") if name.strip()]
    for name in names:
        if name not in METHODS:
            raise LabError(
                f"there is no method {name!r}{nearest(name, METHODS)}; known: fast, all, {', '.join(METHODS)}"
            )
    if not names:
        raise LabError(f"no method is named; give fast, all or some of {', '.join(METHODS)}")
    return tuple(row for row in METHODS.values() if row.name in names)
