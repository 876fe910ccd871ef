"""Every image set the lab can open, and opening one from its spec.

A spec is a name of the table below (`drawn:pets?seed=1&size=224&difficulty=0.5`, `digits`, `oxford-pets:breeds`, …),
`hf:NAME`, `upload:DIGEST` (a zip that was uploaded to this computer, by its content: `lab.images.uploads`), or the path
of a folder with one subfolder per class or of a zip of one. A name wins over a folder of the same name; write
`./digits` for the folder. A new set is one row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from lab.errors import LabError, nearest
from lab.images import digits, hub, huggingface
from lab.images.archive import read_zip
from lab.images.assemble import assemble
from lab.images.folder import folder_stamp, read_folder
from lab.images.layout import Tree, arrange, select_classes
from lab.images.synthetic import FAMILIES, draw_set
from lab.images.types import MEMORY, ImageSet
from lab.images.uploads import is_upload, named_by_content, upload_name, uploaded_file
from lab.progress import Progress, silent
from lab.roots import permitted

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
    """What is asked of a set: the spec as written, its options, the classes and how many images of each."""

    spec: str
    options: Mapping[str, str]
    classes: Sequence[str]
    per_class: int | None
    progress: Progress


@dataclass(frozen=True)
class _Row:
    info: SetInfo
    open: Callable[[Order], ImageSet] = field(repr=False)
    options: tuple[str, ...] = ()


def catalogue() -> tuple[SetInfo, ...]:
    """Return the sets that can be opened by name, those that need no download first."""
    hub_sets = SetInfo(
        "hf:NAME", "Hugging Face", "An image set of the Hugging Face hub by name (needs the hub extra).", True, ()
    )
    return (*(row.info for row in _rows().values()), hub_sets)


def open_image_set(
    spec: str | os.PathLike[str],
    *,
    classes: Sequence[str] = (),
    per_class: int | None = None,
    progress: Progress = silent,
) -> ImageSet:
    """Return the images that `spec` names: all `classes` by name or those given, at most `per_class` images of each.

    Raises LabError, in one sentence, when there is no such set or it cannot be used; HubUnreachable when it has to be
    downloaded and cannot.
    """
    if per_class is not None and per_class < 1:
        raise LabError(f"per_class is {per_class}; it must be at least 1, or left out for all images")
    found = _opened(os.fspath(spec), tuple(classes), per_class, progress)
    return replace(found, opened=(tuple(classes), per_class))


def _opened(text: str, classes: tuple[str, ...], per_class: int | None, progress: Progress) -> ImageSet:
    if text.startswith(MEMORY):
        raise LabError(f"the images {short_name(text)} were in the memory of a Python process; give them again")
    name, options = _parsed(text)
    order = Order(text, options, classes, per_class, progress)
    if name.startswith(HUB_PREFIX):
        hub_name = name.removeprefix(HUB_PREFIX)
        return huggingface.open_hub_set(text, hub_name, options, order.classes, per_class, progress)
    row = _rows().get(name)
    if row:
        return row.open(order)
    return assemble(text, arrange(_tree(text), order.classes), per_class, progress)


def class_names(spec: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return a set's classes without opening its images; empty where only the downloaded set knows."""
    text = os.fspath(spec)
    name, _ = _parsed(text)
    if name.startswith((HUB_PREFIX, MEMORY)):
        return ()
    row = _rows().get(name)
    return row.info.classes if row else arrange(_tree(text)).classes


def settled(spec: str | os.PathLike[str]) -> str:
    """Return a spec that means the same from every folder: a path in full, `~` resolved.

    What is not there stays as it was written, so that the error can name it.
    """
    text = os.fspath(spec)
    if not text or not names_a_path(text):
        return text
    path = permitted(text)
    return named_by_content(os.path.abspath(path)) if os.path.exists(path) else text


def names_a_path(spec: str) -> bool:
    """Return whether a spec names a place on this computer rather than a set by its name or its content."""
    name = spec.partition("?")[0]
    if name.startswith(HUB_PREFIX):  # the library takes folders there too
        return os.path.isabs(os.path.expanduser(name.removeprefix(HUB_PREFIX))) or name[len(HUB_PREFIX) :][:1] == "."
    return not (is_upload(spec) or name.startswith(MEMORY) or name in _rows())


def short_name(spec: str) -> str:
    """Return what to call a set in a sentence: an upload by its file's name, a folder or zip without the way to it."""
    if is_upload(spec):
        return upload_name(spec)
    if spec.startswith(MEMORY):
        return spec.removeprefix(MEMORY).rpartition("#")[0]
    return Path(spec).name if names_a_path(spec) else spec


def stamp(spec: str | os.PathLike[str]) -> str:
    """Return a text that changes when the files behind `spec` do, without reading them."""
    text = os.fspath(spec)
    name, _ = _parsed(text)
    if name.startswith((HUB_PREFIX, MEMORY)) or name in _rows() or is_upload(text):
        return text
    path = _path(text)
    if path.is_dir():
        return folder_stamp(path)
    status = path.stat()
    return f"zip:{path.resolve()}:{status.st_size}:{status.st_mtime_ns}"


def _rows() -> dict[str, _Row]:
    """Return the table of sets by name."""
    drawn = [
        _Row(
            SetInfo(f"drawn:{f.name}", f.title, f.description, False, tuple(f.classes), f.group),
            _open_drawn,
            ("seed", "size", "difficulty"),
        )
        for f in FAMILIES.values()
    ]
    return {row.info.name: row for row in (*drawn, *_PUBLISHED)}


def _open_drawn(order: Order) -> ImageSet:
    name = order.spec.partition("?")[0].removeprefix("drawn:")
    seed = _number(order, "seed", 0, 0, 2**32 - 1)
    size = _number(order, "size", 224, 32, 1024)
    difficulty = _share(order, "difficulty")
    drawn = draw_set(name, order.per_class or DRAWN_PER_CLASS, seed=seed, size=size, difficulty=difficulty)
    return _relabelled(drawn, order)


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


def _open_digits(order: Order) -> ImageSet:
    return digits.open_digits(order.spec, order.classes, order.per_class)


def _open_species(order: Order) -> ImageSet:
    return hub.open_pets(order.spec, order.classes, order.per_class, order.progress, breeds=False)


def _open_breeds(order: Order) -> ImageSet:
    return hub.open_pets(order.spec, order.classes, order.per_class, order.progress, breeds=True)


def _open_cifar10(order: Order) -> ImageSet:
    return hub.open_cifar10(order.spec, order.classes, order.per_class, order.progress)


_PUBLISHED: Final = (
    _Row(SetInfo("digits", "Handwritten digits", digits.DESCRIPTION, False, digits.CLASSES), _open_digits),
    _Row(SetInfo("oxford-pets", "Oxford-IIIT Pet, species", hub.PETS_DESCRIPTION, True, hub.SPECIES), _open_species),
    _Row(
        SetInfo("oxford-pets:breeds", "Oxford-IIIT Pet, breeds", hub.PETS_DESCRIPTION, True, hub.BREEDS), _open_breeds
    ),
    _Row(SetInfo("cifar10", "CIFAR-10", hub.CIFAR10_DESCRIPTION, True, hub.CIFAR10_CLASSES), _open_cifar10),
)


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    """Return a spec's name and options; the name is the whole text when it is no name of the table."""
    name, mark, query = text.partition("?")
    row = _rows().get(name)
    if row is None and not name.startswith(HUB_PREFIX):
        return text, {}
    allowed = row.options if row else huggingface.OPTIONS
    try:
        pairs = parse_qsl(query, strict_parsing=True) if mark else []
    except ValueError as error:
        raise LabError(f"{text!r} has options that cannot be read; write them as {name}?name=value") from error
    for key, _ in pairs:
        if key not in allowed:
            options = f"its options are {', '.join(allowed)}" if allowed else "it has no options"
            raise LabError(f"{name} has no option {key!r}{nearest(key, allowed)}; {options}")
    return name, dict(pairs)


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


def _tree(text: str) -> Tree:
    path = _path(text)
    return read_folder(path) if path.is_dir() else read_zip(path)


def _path(text: str) -> Path:
    if is_upload(text):
        return uploaded_file(text)
    path = permitted(text)
    if text and (os.path.isdir(path) or os.path.isfile(path)):
        return path
    names = [info.name for info in catalogue()]
    near = nearest(text, names) or f"; the sets are {', '.join(names)}"
    raise LabError(f"{text!r} is neither an image set nor a folder or zip file that is there{near}")
