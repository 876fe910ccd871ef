"""Every image set the lab can open, and opening one from its spec.

A spec is a name of the table below (`drawn:pets?seed=1&size=224&difficulty=0.5`, `digits`, `oxford-pets:breeds`, …),
`hf:NAME`, `upload:DIGEST` (a zip that was uploaded to this computer, by its content: `lab.images.uploads`), or the
path of a folder with one subfolder per class, of a zip of one, or of a table of labels
(`labels.csv?label=COLUMN&group=…`: `lab.images.labelled`), or WebDataset shards (`pets-{000..011}.tar`:
`lab.images.shards`). A folder or zip that holds a `metadata.csv` with labels is read by it. A name wins over a folder
of the same name; write `./digits` for the folder. A new set is one row.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from lab.errors import LabError, nearest
from lab.images import digits, hub, huggingface, labelled
from lab.images.archive import read_zip
from lab.images.assemble import assemble
from lab.images.folder import folder_stamp, read_folder
from lab.images.labelled import layout_of_rows, read_labelled, read_tree_labelled
from lab.images.layout import Layout, Tree, arrange, select_classes
from lab.images.shards import is_shards, read_shards, shard_columns, shards_stamp
from lab.images.synthetic import FAMILIES, DrawnSet, draw_set
from lab.images.table_file import is_table_name
from lab.images.types import MEMORY, ImageSet
from lab.images.uploads import is_upload, named_by_content, upload_name, uploaded_file
from lab.progress import Progress, silent
from lab.roots import permitted

DRAWN_PER_CLASS: Final = 100
MOST_KINDS: Final = 4  # of a factor of drawings that are labels of their own
TARGETS: Final = ("class", labelled.NUMBER, labelled.SEVERAL)
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
    target: str = "class",
    progress: Progress = silent,
) -> ImageSet:
    """Return the images that `spec` names: all `classes` by name or those given, at most `per_class` images of each.

    With the `target` "number" the labels of a table are numbers to be predicted (`ImageSet.values`), not classes; with
    "labels" an image may have several (`ImageSet.label_matrix`), written as "a;b" or a JSON list.

    Raises LabError, in one sentence, when there is no such set or it cannot be used; HubUnreachable when it has to be
    downloaded and cannot.
    """
    if per_class is not None and per_class < 1:
        raise LabError(f"per_class is {per_class}; it must be at least 1, or left out for all images")
    found = _opened(os.fspath(spec), tuple(classes), per_class, target, progress)
    return replace(found, opened=(tuple(classes), per_class))


def _opened(text: str, classes: tuple[str, ...], per_class: int | None, target: str, progress: Progress) -> ImageSet:
    if text.startswith(MEMORY):
        raise LabError(f"the images {short_name(text)} were in the memory of a Python process; give them again")
    name, options = _parsed(text)
    order = Order(text, options, classes, per_class, progress)
    if target not in TARGETS:
        raise LabError(f"there is no target {target!r}{nearest(target, TARGETS)}; known: {', '.join(TARGETS)}")
    if target != TARGETS[0] and name.startswith("drawn:") and name in _rows():
        return _drawn_numbers(order) if target == labelled.NUMBER else _drawn_labels(order)
    if target != TARGETS[0] and (name.startswith(HUB_PREFIX) or name in _rows()):
        raise _no_numbers(text)
    if name.startswith(HUB_PREFIX):
        hub_name = name.removeprefix(HUB_PREFIX)
        return huggingface.open_hub_set(text, hub_name, options, order.classes, per_class, progress)
    row = _rows().get(name)
    if row:
        return row.open(order)
    return assemble(text, _layout(text, order, target), per_class, progress)


def class_names(spec: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return a set's classes without opening its images; empty where only the downloaded set knows."""
    text = os.fspath(spec)
    name, options = _parsed(text)
    if name.startswith((HUB_PREFIX, MEMORY)):
        return ()
    row = _rows().get(name)
    if row:
        return row.info.classes
    if is_table_name(name):  # without looking for its files
        return labelled.classes_there(_path(name), options)
    found = _labelled(name, options)
    return arrange(_tree(name)).classes if isinstance(found, Tree) else found[0].classes


def table_columns(spec: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the columns of the table that says what the images are, () where there is none."""
    name, _ = _parsed(os.fspath(spec))
    if name.startswith(HUB_PREFIX) or name in _rows():
        return ()
    if is_shards(name):
        return shard_columns(name)
    return labelled.columns_there(_path(name)) if is_table_name(name) else labelled.tree_columns(_tree(name))


def number_columns(spec: str) -> tuple[str, ...]:
    """Return the columns that can be a number to be predicted: of a table, or the factors of a drawn set."""
    name, _ = _parsed(spec)
    if name.startswith("drawn:") and name in _rows():
        return _numbers_of(draw_set(name.removeprefix("drawn:"), 2).factors())
    if name.startswith(HUB_PREFIX) or name in _rows() or is_shards(name):
        return shard_columns(name) if is_shards(name) else ()
    return labelled.numbers_there(_path(name)) if is_table_name(name) else labelled.tree_numbers(_tree(name))


def _numbers_of(factors: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in factors if factors[name].dtype.kind == "f" and factors[name].nunique() > 2)


def with_columns(spec: str, **columns: str) -> str:
    """Return a table's spec that names these columns (of `label`, `group`, `split`, …); "" leaves one to be found."""
    name, options = _parsed(spec)
    kept = {role: column for role, column in {**options, **columns}.items() if column}
    return name + (f"?{urlencode(kept, safe='/,')}" if kept else "")


def columns_named(spec: str) -> dict[str, str]:
    """Return the columns that a table's spec names, by what they are for; {} for other sets."""
    try:
        name, options = _parsed(spec)
    except LabError:
        return {}
    return options if names_a_path(name) or is_upload(name) else {}


def settled(spec: str | os.PathLike[str]) -> str:
    """Return a spec that means the same from every folder: a path in full, `~` resolved.

    What is not there stays as it was written, so that the error can name it.
    """
    text = os.fspath(spec)
    if not text or not names_a_path(text):
        return text
    name, options = _parsed(text)
    path = permitted(name)
    if not (os.path.exists(path) or (is_shards(name) and path.parent.is_dir())):
        return text
    query = f"?{urlencode(options, safe='/,')}" if options else ""
    return named_by_content(os.path.abspath(path)) + query


def names_a_path(spec: str) -> bool:
    """Return whether a spec names a place on this computer rather than a set by its name or its content."""
    name = spec.partition("?")[0]
    if name.startswith(HUB_PREFIX):  # the library takes folders there too
        return os.path.isabs(os.path.expanduser(name.removeprefix(HUB_PREFIX))) or name[len(HUB_PREFIX) :][:1] == "."
    return not (is_upload(name) or name.startswith(MEMORY) or name in _rows())


def short_name(spec: str) -> str:
    """Return what to call a set in a sentence: an upload by its file's name, a folder or zip without the way to it."""
    if is_upload(spec):
        return upload_name(_parsed(spec)[0])
    if spec.startswith(MEMORY):
        return spec.removeprefix(MEMORY).rpartition("#")[0]
    return Path(_parsed(spec)[0]).name if names_a_path(spec) else spec


def stamp(spec: str | os.PathLike[str]) -> str:
    """Return a text that changes when the files behind `spec` do, without reading them."""
    text = os.fspath(spec)
    name, options = _parsed(text)
    if name.startswith((HUB_PREFIX, MEMORY)) or name in _rows() or is_upload(text):
        return text
    if is_shards(name):
        return f"shards:{shards_stamp(name)}"
    path = _path(name)
    if path.is_dir():
        return folder_stamp(path)
    status = path.stat()
    if is_table_name(name):
        return f"table:{status.st_size}:{status.st_mtime_ns}:{labelled.files_stamp(path, options)}"
    return f"zip:{path.resolve()}:{status.st_size}:{status.st_mtime_ns}"


def _rows() -> dict[str, _Row]:
    """Return the table of sets by name."""
    drawn = [
        _Row(
            SetInfo(f"drawn:{f.name}", f.title, f.description, False, tuple(f.classes), f.group),
            _open_drawn,
            ("seed", "size", "difficulty", "label"),
        )
        for f in FAMILIES.values()
    ]
    return {row.info.name: row for row in (*drawn, *_PUBLISHED)}


def _drawn_numbers(order: Order) -> ImageSet:
    """Return drawings with one of their factors as the number to be predicted: the option `label`."""
    label, count = order.options.get("label", ""), order.per_class
    half = None if count is None else -(-count // 2)
    drawn = _drawn(replace(order, per_class=half))
    assert isinstance(drawn, DrawnSet)
    if order.classes:
        raise LabError(f"{order.spec}: classes cannot be chosen where numbers are predicted; leave them out")
    table = drawn.factors()
    numbers = _numbers_of(table)
    if label not in numbers:
        told = f"has no number {label!r}{nearest(label, numbers)}" if label else "has several numbers"
        raise LabError(f"{drawn.spec} {told}; name one with ?label=, of {', '.join(numbers)}")
    values = table.set_index("image")[label]
    records = tuple(replace(record, label=0, value=float(values[record.id])) for record in drawn.records)
    return ImageSet(order.spec, (label,), records, drawn.source)


def _drawn_labels(order: Order) -> ImageSet:
    """Return drawings with what they show as several labels: factors that are so or not so, or of a few kinds."""
    half = None if order.per_class is None else -(-order.per_class // 2)
    drawn = _drawn(replace(order, per_class=half))
    assert isinstance(drawn, DrawnSet)
    table = drawn.factors().set_index("image")
    told: dict[str, list[bool]] = {}
    for name in table:
        kinds = sorted(set(table[name]))
        if table[name].dtype.kind == "b":
            told[str(name)] = table[name].tolist()
        elif table[name].dtype.kind != "f" and len(kinds) <= MOST_KINDS:
            told |= {f"{name}: {kind}": (table[name] == kind).tolist() for kind in kinds[len(kinds) == 2 :]}
    classes = select_classes(list(told), order.classes, order.spec)
    place = {image: row for row, image in enumerate(table.index)}
    records = tuple(
        replace(r, label=0, labels=tuple(k for k, name in enumerate(classes) if told[name][place[r.id]]))
        for r in drawn.records
    )
    return ImageSet(order.spec, classes, records, drawn.source)


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
    if row is None and not name.startswith(HUB_PREFIX) and (not mark or os.path.exists(os.path.expanduser(text))):
        return text, {}
    hub = name.startswith(HUB_PREFIX)
    allowed = row.options if row else huggingface.OPTIONS if hub else labelled.OPTIONS
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


def _tree(name: str) -> Tree:
    path = _path(name)
    return read_folder(path) if path.is_dir() else read_zip(path)


def _labelled(name: str, options: Mapping[str, str]) -> tuple[labelled.LabelledRows, str] | Tree:
    """Return the rows of a table of labels and where its files are, or the tree of a folder or zip without one."""
    if is_shards(name):
        return read_shards(name, options), name
    if is_table_name(name):
        return read_labelled(_path(name), options)
    tree = _tree(name)
    rows = read_tree_labelled(tree, options)
    if rows is not None:
        return rows, tree.where
    if options:
        raise LabError(f"{tree.where} holds no table of labels (metadata.csv), so it has no columns to name")
    return replace(tree, others=(*tree.others, *(entry.parts for entry in tree.tables)))


def _layout(spec: str, order: Order, target: str) -> Layout:
    found = _labelled(_parsed(spec)[0], order.options)
    if isinstance(found, Tree):
        if target != TARGETS[0]:
            raise _no_numbers(spec)
        return arrange(found, order.classes)
    return layout_of_rows(found[0], order.classes, order.per_class, target, found[1])


def _no_numbers(spec: str) -> LabError:
    return LabError(
        f"{spec} has classes, not numbers or several labels; those come from a table: labels.csv?label=COLUMN"
    )


def _path(text: str) -> Path:
    if is_upload(text):
        return uploaded_file(text)
    path = permitted(text)
    if text and (os.path.isdir(path) or os.path.isfile(path)):
        return path
    names = [info.name for info in catalogue()]
    near = nearest(text, names) or f"; the sets are {', '.join(names)}"
    raise LabError(f"{text!r} is neither an image set nor a folder, zip or table that is there{near}")
