"""What requests about vectors that are given have in common: where these are, their name, what they depend on.

Vectors are a file's path, an upload, or arrays of a Python process (`memory:DIGEST`).
"""

from __future__ import annotations

import os
from pathlib import Path

from lab.embeddings.vector_files import vectors_stamp
from lab.images import MEMORY, stamp
from lab.images.uploads import is_upload, upload_name


def is_in_memory(embeddings: str) -> bool:
    """Return whether the vectors are arrays that a Python process was given."""
    return embeddings.startswith(MEMORY)


def in_full(path: str) -> str:
    """Return a path that is there in full; any other text (the name of a column, arrays in memory) as it is."""
    place = os.path.abspath(os.path.expanduser(path))
    return place if path and os.path.exists(place) else path


def vectors_title(embeddings: str) -> str:
    """Return what to call vectors in a title."""
    return "arrays from Python" if is_in_memory(embeddings) else f"vectors of {Path(upload_name(embeddings)).name}"


def from_python(embeddings: str, call: str) -> str:
    """Return the comment that stands for the command line of arrays in memory, which there is none of."""
    return f"# arrays from Python (SHA-256 {embeddings[len(MEMORY) :][:16]}…): {call}"


def vector_sources(embeddings: str, labels: str, images: str) -> dict[str, str]:
    """Return a stamp of vectors, of the table of their labels and of the images of their rows, where these are
    files."""
    if is_in_memory(embeddings):
        return {"embeddings": embeddings}
    found = {"embeddings": vectors_stamp(embeddings)}
    if os.path.isabs(labels) or is_upload(labels):
        found["labels"] = vectors_stamp(labels)
    if images:
        found["images"] = stamp(images)
    return found
