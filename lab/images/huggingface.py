"""An image set on the Hugging Face hub, by name, when the optional `datasets` package is installed.

`hf:NAME`, with `?split=test&config=NAME&image=COLUMN&label=COLUMN` where a set needs it. The encoded bytes are taken as
they are and decoded by the lab, so damaged images are set aside as in a folder. Code that comes with a set is never
run. Left out: streaming; a set is downloaded whole into the hub's own cache.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lab.errors import HubUnreachable, LabError, nearest
from lab.images.assemble import assemble
from lab.images.download import INSTEAD, require_reachable
from lab.images.endings import printable
from lab.images.folder import FileReader
from lab.images.layout import Layout, Member, Unreadable, select_classes
from lab.images.types import ImageSet, Quarantined
from lab.progress import Progress
from lab.roots import permitted

OPTIONS: Final = ("split", "config", "image", "label")
_LABEL_NAMES: Final = ("label", "labels", "class", "category")


def open_hub_set(
    spec: str,
    name: str,
    options: Mapping[str, str],
    classes: Sequence[str],
    per_class: int | None,
    progress: Progress,
) -> ImageSet:
    """Return the images of one split (train, or the only one) of the hub set `name`, or of a local folder of one.

    Raises HubUnreachable within three seconds when it is neither reachable nor in the hub's cache, LabError when it
    does not exist or has no image and label columns.
    """
    table = _split(spec, _loaded(spec, name, options), options)
    columns: Mapping[str, Any] = table.features
    image = _column(spec, columns, options.get("image"), _images(columns), "image")
    label = _column(spec, columns, options.get("label"), _labels(columns, image), "label")
    values = list(table.select_columns([label])[label])
    names = list(getattr(columns[label], "names", None) or sorted({str(v) for v in values if v is not None}))
    encoded = table.select_columns([image]).cast_column(image, type(columns[image])(decode=False))
    chosen = select_classes(names, classes, spec)
    layout = _layout(encoded, image, values, names, chosen)
    return assemble(spec, layout, per_class, progress)


@dataclass(frozen=True)
class RowReader:
    """Reads the encoded image of a row of a `datasets.Dataset`; a lock, as tables are not said to be safe for
    threads."""

    table: Any
    column: str
    index: int
    lock: threading.Lock = field(repr=False)

    def __call__(self) -> bytes:
        with self.lock:
            value = self.table[self.index][self.column]
        if not value or not (value.get("bytes") or value.get("path")):
            raise Unreadable("no image in this row")
        return value["bytes"] or FileReader(value["path"])()


def _layout(table: Any, column: str, values: Sequence[Any], names: Sequence[str], chosen: tuple[str, ...]) -> Layout:
    labels = {name: label for label, name in enumerate(chosen)}
    lock = threading.Lock()
    members, aside = [], []
    for index, value in enumerate(values):
        name = names[value] if isinstance(value, int) and 0 <= value < len(names) else str(value)
        if value is None or value == -1:
            aside.append(Quarantined(f"row {index:06d}", "without a label"))
        elif name in labels:
            shown = f"{printable(name)}/{index:06d}"
            members.append(Member(shown, labels[name], "", RowReader(table, column, index, lock)))
    return Layout(tuple(printable(name) for name in chosen), tuple(members), tuple(aside))


def _library() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise LabError(
            "Hugging Face sets need the package datasets; pip install 'feature-hierarchy-lab[hub]'"
        ) from error
    return datasets


def _loaded(spec: str, name: str, options: Mapping[str, str]) -> Any:
    if Path(name).expanduser().is_dir():
        permitted(name)
    datasets = _library()
    unreachable = None if Path(name).expanduser().is_dir() else _unreachable(spec)
    try:
        with _offline(datasets, unreachable is not None):
            return datasets.load_dataset(os.path.expanduser(name), options.get("config"))
    except Exception as error:  # datasets raises its own, its client's and its readers' types
        if unreachable is not None:
            raise unreachable from error
        if isinstance(error, ConnectionError):
            raise HubUnreachable(f"{spec} could not be downloaded ({_first_line(error)}); {INSTEAD}") from error
        raise LabError(f"{spec} cannot be opened ({_first_line(error)}); check its name, or {INSTEAD}") from error


def _unreachable(spec: str) -> HubUnreachable | None:
    """Return why the hub cannot be asked, or None when it can."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return HubUnreachable(f"{spec} is not on this machine and HF_HUB_OFFLINE is set; unset it, or {INSTEAD}")
    try:
        require_reachable(os.environ.get("HF_ENDPOINT", "https://huggingface.co"), spec)
    except HubUnreachable as error:
        return error
    return None


@contextmanager
def _offline(datasets: Any, wanted: bool) -> Iterator[None]:
    """Make the library look in its cache only: without a network its retries take half a minute."""
    from huggingface_hub import constants

    places = [(constants, "HF_HUB_OFFLINE"), (datasets.config, "HF_HUB_OFFLINE")]
    before = [getattr(place, name) for place, name in places]
    try:
        for place, name in places if wanted else ():
            setattr(place, name, True)
        yield
    finally:
        for (place, name), value in zip(places, before, strict=True):
            setattr(place, name, value)


def _split(spec: str, loaded: Mapping[str, Any], options: Mapping[str, str]) -> Any:
    wanted = options.get("split", "train")
    if wanted in loaded:
        return loaded[wanted]
    if len(loaded) == 1 and "split" not in options:
        return next(iter(loaded.values()))
    splits = ", ".join(map(repr, loaded))
    raise LabError(f"{spec} has no split {wanted!r}{nearest(wanted, loaded)}; add ?split=NAME, one of {splits}")


def _images(columns: Mapping[str, Any]) -> list[str]:
    return [name for name, kind in columns.items() if type(kind).__name__ == "Image"]


def _labels(columns: Mapping[str, Any], image: str) -> list[str]:
    named = [name for name in _LABEL_NAMES if name in columns and name != image]
    return named[:1] or [name for name, kind in columns.items() if type(kind).__name__ == "ClassLabel"]


def _column(spec: str, columns: Mapping[str, Any], wanted: str | None, likely: Sequence[str], role: str) -> str:
    """Return the column asked for, or the only likely one."""
    if wanted is not None and wanted not in columns:
        raise LabError(f"{spec} has no column {wanted!r}; it has {', '.join(map(repr, columns))}")
    if wanted is None and len(likely) != 1:
        found = ", ".join(map(repr, columns))
        raise LabError(f"{spec}: it is not clear which column is the {role}; add ?{role}=COLUMN, one of {found}")
    return wanted if wanted is not None else likely[0]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
