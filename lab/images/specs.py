"""Specs of image sets, as texts: their parts, what they name, and a spec that means the same from every folder.

Nothing is opened here; `lab.images.catalogue` says what a spec can be.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from lab.errors import LabError, nearest
from lab.images import huggingface, labelled
from lab.images.named_sets import HUB_PREFIX, sets
from lab.images.shard_files import is_address
from lab.images.shards import shards_are_there
from lab.images.types import MEMORY, from_python
from lab.images.uploads import is_upload, named_by_content, upload_name, uploaded_file
from lab.roots import permitted


def parsed(text: str) -> tuple[str, dict[str, str]]:
    """Return a spec's name and options; the name is the whole text when it is no name of the table."""
    name, mark, query = text.partition("?")
    row = sets().get(name)
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


def path_of(text: str) -> Path:
    if is_upload(text):
        return uploaded_file(text)
    found = permitted(text)
    if text and (os.path.isdir(found) or os.path.isfile(found)):
        return found
    names = [*sets(), f"{HUB_PREFIX}NAME"]
    near = nearest(text, names) or f"; the sets are {', '.join(names)}"
    raise LabError(f"{text!r} is neither an image set nor a folder, zip or table that is there{near}")


def with_columns(spec: str, **columns: str) -> str:
    """Return a table's spec that names these columns (of `label`, `group`, `split`, …); "" leaves one to be found."""
    name, options = parsed(spec)
    kept = {role: column for role, column in {**options, **columns}.items() if column}
    return name + (f"?{urlencode(kept, safe='/,')}" if kept else "")


def columns_named(spec: str) -> dict[str, str]:
    """Return the columns that a table's spec names, by what they are for; {} for other sets."""
    try:
        name, options = parsed(spec)
    except LabError:
        return {}
    return options if names_a_path(name) or is_upload(name) else {}


def settled(spec: str | os.PathLike[str]) -> str:
    """Return a spec that means the same from every folder: a path in full, `~` resolved.

    What is not there stays as it was written, so that the error can name it.
    """
    text = os.fspath(spec)
    if not text or not names_a_path(text) or is_address(text):
        return text
    name, options = parsed(text)
    path = permitted(name)
    if not (os.path.exists(path) or shards_are_there(name)):
        return text
    query = f"?{urlencode(options, safe='/,')}" if options else ""
    return named_by_content(os.path.abspath(path)) + query


def names_a_path(spec: str) -> bool:
    """Return whether a spec names a place on this computer or an address, rather than a set by its name or its
    content."""
    name = spec.partition("?")[0]
    if name.startswith(HUB_PREFIX):  # the library takes folders there too
        return os.path.isabs(os.path.expanduser(name.removeprefix(HUB_PREFIX))) or name[len(HUB_PREFIX) :][:1] == "."
    return not (is_upload(name) or from_python(name) or name in sets())


def short_name(spec: str) -> str:
    """Return what to call a set in a sentence: an upload by its file's name, a folder or zip without the way to it."""
    if is_upload(spec):
        return upload_name(parsed(spec)[0])
    if from_python(spec):
        return spec.removeprefix(MEMORY).rpartition("#")[0]
    return Path(parsed(spec)[0]).name if names_a_path(spec) else spec
