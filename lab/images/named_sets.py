"""The image sets that have a name: drawn ones, digits, and those of the hub; a new set is one row of `sets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lab.errors import LabError
from lab.images import digits, hub
from lab.images.layout import select_classes
from lab.images.synthetic import FAMILIES, DrawnSet, draw_set
from lab.images.targets import drawn_target
from lab.images.types import ImageSet
from lab.progress import Progress

DRAWN_PER_CLASS: Final = 100
HUB_PREFIX: Final = "hf:"


@dataclass(frozen=True)
class SetInfo:
    """An image set as the pages and the command line offer it; `classes` is empty where only the set itself knows.

    Sets of a `group` ("ladder") belong together and are left out of lists that are to be short.
    """

    name: str
    title: str
    description: str
    needs_download: bool
    classes: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True)
class Order:
    """What is asked of a set: the spec as written, its options, the classes and how many images of each; a `whole` set
    is not made smaller where none says how many. A folder or zip has at least so many classes."""

    spec: str
    options: Mapping[str, str]
    classes: Sequence[str]
    per_class: int | None
    progress: Progress
    whole: bool = False
    least: int = 2


@dataclass(frozen=True)
class Row:
    """A set, what opens it, and which options its spec may have."""

    info: SetInfo
    open: Callable[[Order], ImageSet] = field(repr=False)
    options: tuple[str, ...] = ()


def sets() -> dict[str, Row]:
    """Return the table of sets by name."""
    drawn = [
        Row(
            SetInfo(f"drawn:{f.name}", f.title, f.description, False, tuple(f.classes), f.group),
            _open_drawn,
            ("seed", "size", "difficulty", "label"),
        )
        for f in FAMILIES.values()
    ]
    return {row.info.name: row for row in (*drawn, *_PUBLISHED)}


def drawn_as(order: Order, target: str) -> ImageSet:
    """Return drawings with one of their factors, or what they show, as the target."""
    half = None if order.per_class is None else -(-order.per_class // 2)  # drawn are so many of each of two classes
    drawn = _drawn(replace(order, per_class=half))
    assert isinstance(drawn, DrawnSet)
    return drawn_target(drawn, order.spec, target, order.options.get("label", ""), tuple(order.classes))


def _open_drawn(order: Order) -> ImageSet:
    if "label" in order.options:
        raise LabError(f"{order.spec} names a number, not classes; ask for it with --target number, or leave label out")
    return _relabelled(_drawn(order), order)


def _drawn(order: Order) -> ImageSet:
    name = order.spec.partition("?")[0].removeprefix("drawn:")
    seed = _number(order, "seed", 0, 0, 2**32 - 1)
    size = _number(order, "size", 224, 32, 1024)
    difficulty = _share(order, "difficulty")
    return draw_set(name, order.per_class or DRAWN_PER_CLASS, seed=seed, size=size, difficulty=difficulty)


def _relabelled(images: ImageSet, order: Order) -> ImageSet:
    """Put the classes in the order that was asked for."""
    classes = select_classes(images.classes, order.classes, order.spec)
    if classes == images.classes and images.spec == order.spec:
        return images
    labels = [classes.index(name) if name in classes else -1 for name in images.classes]
    if -1 in labels:
        left_out = images.classes[labels.index(-1)]
        raise LabError(f"{order.spec} is drawn with all its classes; {left_out!r} cannot be left out")
    records = tuple(replace(record, label=labels[record.label]) for record in images.records)
    return replace(images, spec=order.spec, classes=classes, records=records)


def _number(order: Order, option: str, default: int, least: int, most: int) -> int:
    text = order.options.get(option, str(default))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise LabError(f"{option} in {order.spec!r} is {text!r}; it must be a whole number from {least} to {most}")
    return int(text)


def _share(order: Order, option: str) -> float | None:
    """Return an option that is a number from 0 to 1, None where it is not given."""
    text = order.options.get(option)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise LabError(f"{option} in {order.spec!r} is {text!r}; it must be a number from 0 to 1")
    return value


def _open_digits(order: Order) -> ImageSet:
    return digits.open_digits(order.spec, order.classes, order.per_class)


def _open_species(order: Order) -> ImageSet:
    return hub.open_pets(order.spec, order.classes, order.per_class, order.progress, breeds=False)


def _open_breeds(order: Order) -> ImageSet:
    return hub.open_pets(order.spec, order.classes, order.per_class, order.progress, breeds=True)


def _open_cifar10(order: Order) -> ImageSet:
    return hub.open_cifar10(order.spec, order.classes, order.per_class, order.progress)


_PUBLISHED: Final = (
    Row(SetInfo("digits", "Handwritten digits", digits.DESCRIPTION, False, digits.CLASSES), _open_digits),
    Row(SetInfo("oxford-pets", "Oxford-IIIT Pet, species", hub.PETS_DESCRIPTION, True, hub.SPECIES), _open_species),
    Row(SetInfo("oxford-pets:breeds", "Oxford-IIIT Pet, breeds", hub.PETS_DESCRIPTION, True, hub.BREEDS), _open_breeds),
    Row(SetInfo("cifar10", "CIFAR-10", hub.CIFAR10_DESCRIPTION, True, hub.CIFAR10_CLASSES), _open_cifar10),
)
