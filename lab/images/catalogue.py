"""Every image set the lab can open, and opening one from its spec.

A spec is a name of the table below (`drawn:pets?seed=1&size=224&difficulty=0.5`, `digits`, `oxford-pets:breeds`, …),
`hf:NAME`, `upload:DIGEST` (a zip that was uploaded to this computer, by its content: `lab.images.uploads`), or the
path of a folder with one subfolder per class, of a zip of one, or of a table of labels
(`labels.csv?label=COLUMN&group=…`: `lab.images.labelled`), or shards (WebDataset's `pets-{000..011}.tar`,
Parquet with images, on this computer or at an address: `lab.images.shards`). A folder or zip that holds a
`metadata.csv` with labels is read by it. A name wins over a folder of the same name; write `./digits` for the folder.
A new set is one row.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lab.errors import LabError, briefly
from lab.images import huggingface, labelled
from lab.images.archive import read_zip
from lab.images.assemble import assemble
from lab.images.folder import folder_stamp, read_folder
from lab.images.labelled import read_labelled, read_tree_labelled
from lab.images.labelled_layout import classes_of_rows, classes_there, layout_of_rows
from lab.images.layout import Layout, Tree, arrange, of_limited_size
from lab.images.named_sets import HUB_PREFIX, Order, SetInfo, drawn_as, sets
from lab.images.shards import is_shards, read_shards, shard_columns, shards_stamp
from lab.images.specs import parsed, path_of, short_name
from lab.images.synthetic import draw_set
from lab.images.table_file import is_table_name
from lab.images.targets import CLASS, GRADES, check_target, graded, numbers_of
from lab.images.types import ImageSet, from_python
from lab.images.uploads import is_upload
from lab.names import names_given
from lab.progress import Progress, silent


def catalogue() -> tuple[SetInfo, ...]:
    """Return the sets that can be opened by name, those that need no download first."""
    hub_sets = SetInfo(
        "hf:NAME", "Hugging Face", "An image set of the Hugging Face hub by name (needs the hub extra).", True, ()
    )
    return (*(row.info for row in sets().values()), hub_sets)


def open_image_set(
    spec: str | os.PathLike[str],
    *,
    classes: Sequence[str] = (),
    per_class: int | None = None,
    target: str = "class",
    whole: bool = False,
    least: int = 2,
    progress: Progress = silent,
) -> ImageSet:
    """Return the images that `spec` names: all `classes` by name or those given, at most `per_class` images of each.

    With the `target` "number" the labels of a table are numbers to be predicted (`ImageSet.values`), not classes; with
    "labels" an image may have several (`ImageSet.label_matrix`), written as "a;b" or a JSON list; with "grades" classes
    are in the order of `classes`, else of their numbers, and `ImageSet.values` holds their places from 0. Of a set of
    more than 10,000 files as many are used where `per_class` is left out, unless it is to be `whole`. Where one class
    is enough (`least`), a folder or zip of images without folders is one.

    Raises LabError, in one sentence, when there is no such set or it cannot be used; HubUnreachable when it has to be
    downloaded and cannot.
    """
    if not isinstance(spec, (str, os.PathLike)):
        raise LabError(f"images are {briefly(spec)}; give the name of a set, or the path of a folder, zip or table")
    if per_class is not None and not isinstance(per_class, (int, np.integer)):
        raise LabError(f"per_class is {briefly(per_class)}; it must be a whole number, or left out for all images")
    if per_class is not None and per_class < 1:
        raise LabError(f"per_class is {per_class}; it must be at least 1, or left out for all images")
    classes = names_given("classes", classes)
    found = _opened(Order(os.fspath(spec), {}, classes, per_class, progress, whole, least), target)
    return replace(found, opened=(classes, per_class))


def _opened(given: Order, target: str) -> ImageSet:
    text, classes, per_class, progress = given.spec, given.classes, given.per_class, given.progress
    if from_python(text):
        raise LabError(f"the images {short_name(text)} were in the memory of a Python process; give them again")
    name, options = parsed(text)
    order = replace(given, options=options)
    check_target(target)
    if target == GRADES and not name.startswith("drawn:"):
        return graded(_opened(given, CLASS), classes)
    if target != CLASS and name.startswith("drawn:") and name in sets():
        return drawn_as(order, target)
    if target != CLASS and (name.startswith(HUB_PREFIX) or name in sets()):
        raise _no_numbers(text)
    if name.startswith(HUB_PREFIX):
        hub_name = name.removeprefix(HUB_PREFIX)
        return huggingface.open_hub_set(text, hub_name, options, order.classes, per_class, progress)
    row = sets().get(name)
    if row:
        return row.open(order)
    layout = _layout(text, order, target)
    limited = per_class is None and not given.whole
    return assemble(text, of_limited_size(layout) if limited else layout, per_class, progress)


def class_names(spec: str | os.PathLike[str], least: int = 2) -> tuple[str, ...]:
    """Return a set's classes without opening its images; empty where only the downloaded set knows.

    `least` is as in `open_image_set`.
    """
    text = os.fspath(spec)
    name, options = parsed(text)
    if name.startswith(HUB_PREFIX) or from_python(name):
        return ()
    row = sets().get(name)
    if row:
        return row.info.classes
    if is_table_name(name) and not is_shards(name):  # without looking for its files
        return classes_there(path_of(name), options)
    found = _labelled(name, options)
    return arrange(found, least=least).classes if isinstance(found, Tree) else classes_of_rows(found[0])


def table_columns(spec: str | os.PathLike[str]) -> tuple[str, ...]:
    """Return the columns of the table that says what the images are, () where there is none."""
    name, _ = parsed(os.fspath(spec))
    if name.startswith(HUB_PREFIX) or name in sets():
        return ()
    if is_shards(name):
        return shard_columns(name)
    return labelled.columns_there(path_of(name)) if is_table_name(name) else labelled.tree_columns(_tree(name))


def number_columns(spec: str) -> tuple[str, ...]:
    """Return the columns that can be a number to be predicted: of a table, or the factors of a drawn set."""
    name, _ = parsed(spec)
    if name.startswith("drawn:") and name in sets():
        return numbers_of(draw_set(name.removeprefix("drawn:"), 2).factors())
    if name.startswith(HUB_PREFIX) or name in sets() or is_shards(name):
        return shard_columns(name) if is_shards(name) else ()
    return labelled.numbers_there(path_of(name)) if is_table_name(name) else labelled.tree_numbers(_tree(name))


def stamp(spec: str | os.PathLike[str]) -> str:
    """Return a text that changes when the files behind `spec` do, without reading them."""
    text = os.fspath(spec)
    name, options = parsed(text)
    if (name.startswith(HUB_PREFIX) or from_python(name)) or name in sets() or is_upload(text):
        return text
    if is_shards(name):
        return f"shards:{shards_stamp(name)}"
    path = path_of(name)
    if path.is_dir():
        return folder_stamp(path)
    status = path.stat()
    if is_table_name(name):
        return f"table:{status.st_size}:{status.st_mtime_ns}:{labelled.files_stamp(path, options)}"
    return f"zip:{path.resolve()}:{status.st_size}:{status.st_mtime_ns}"


def _tree(name: str) -> Tree:
    path = path_of(name)
    return read_folder(path) if path.is_dir() else read_zip(path)


def _labelled(name: str, options: Mapping[str, str]) -> tuple[labelled.LabelledRows, str] | Tree:
    """Return the rows of a table of labels and where its files are, or the tree of a folder or zip without one."""
    if is_shards(name):
        return read_shards(name, options), name
    if is_table_name(name):
        return read_labelled(path_of(name), options)
    tree = _tree(name)
    rows = read_tree_labelled(tree, options)
    if rows is not None:
        return rows, tree.where
    if options:
        raise LabError(f"{tree.where} holds no table of labels (metadata.csv), so it has no columns to name")
    return replace(tree, others=(*tree.others, *(entry.parts for entry in tree.tables)))


def _layout(spec: str, order: Order, target: str) -> Layout:
    found = _labelled(parsed(spec)[0], order.options)
    if isinstance(found, Tree):
        if target != CLASS:
            raise _no_numbers(spec)
        return arrange(found, order.classes, order.least)
    return layout_of_rows(found[0], order.classes, order.per_class, target, found[1])


def _no_numbers(spec: str) -> LabError:
    return LabError(
        f"{spec} has classes, not numbers or several labels; those come from a table: labels.csv?label=COLUMN"
    )
