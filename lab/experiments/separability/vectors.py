"""Vectors that are given in place of a network: as the source of a probe run, with rows for images.

Without pictures the rows stand for images that nobody has seen: their thumbnails are blank. What is given is checked in
`lab.embeddings.vector_sets`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lab.embeddings.vector_sets import VectorLayer, VectorSet, array_digest, read_vector_set
from lab.errors import LabError
from lab.experiments.separability.fits import ProbeDesign
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup, pixels_source
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageRecord, ImageSet, open_image_set, picked, regrouped
from lab.images.regroup import FOUND
from lab.layers import Layer
from lab.models import ModelRef
from lab.names import names_in
from lab.progress import Progress

BLANK_SIDE = 32
EVERY_LAYER = ("blocks", "stages", "all")


class BlankSource:
    """Stands for pictures that were not given: gray squares."""

    def pixels(self, index: int) -> np.ndarray:
        """Return a gray picture, uint8 `(H, W, 3)`."""
        return np.full((BLANK_SIDE, BLANK_SIDE, 3), 200, dtype=np.uint8)

    def plain_jpeg(self, index: int) -> bytes | None:
        """Return None: there is no file."""
        return None


@dataclass(frozen=True)
class GivenVectors:
    """Vectors from Python, and the images of their rows where there are such."""

    vectors: VectorSet
    images: ImageSet | None = None


def open_vectors(
    request: ProbeRequest, given: GivenVectors | None, progress: Progress
) -> tuple[ProbeSetup, list[EmbeddingSource]]:
    """Return the question and what is probed of a request for vectors that are given (`embeddings`).

    Raises LabError for files and values that cannot be used, and when the arrays were those of another process.
    """
    images, tested, sources = given_sources(request, given, progress)
    settings = (request.seed, images.classes, request.probe)
    if tested is None:
        design = ProbeDesign.of(images.labels, images.groups, request.folds, request.repeats, *settings)
    else:
        design = ProbeDesign.of_split(images.labels, images.groups, tested, *settings)
    return ProbeSetup(images, design, request), sources


def given_sources(
    request: ProbeRequest, given: GivenVectors | None, progress: Progress, **target: Any
) -> tuple[ImageSet, np.ndarray | None, list[EmbeddingSource]]:
    """Return the rows as images, which of them a given split tests (None for folds), and what is probed.

    `target` are the arguments by which `read_vector_set` is told what to read of every row, where it is no class.
    Raises LabError as `open_vectors` does.
    """
    found = given or _from_files(request, progress, target)
    vectors = found.vectors
    shown = None if found.images is None else _of_rows(found.images, vectors)
    images = regrouped(_image_set(request, vectors, shown), request.groups)
    sources = [_source(model, vectors) for model in dict.fromkeys(layer.model for layer in vectors.layers)]
    if shown is not None and "pixels" in request.controls:
        sources.append(pixels_source(shown, progress))
    return images, vectors.tested, sources


def _from_files(request: ProbeRequest, progress: Progress, target: Mapping[str, Any]) -> GivenVectors:
    if request.in_memory:
        raise LabError(
            "these vectors were arrays of a Python process, which are not kept; give them to lab.probe_arrays again, "
            "or write them to a file for --embeddings"
        )
    progress("Reading vectors", 0, 1, "files")
    wanted = () if request.layers in EVERY_LAYER else names_in(request.layers)
    vectors = read_vector_set(request.embeddings, request.labels, wanted, **target)
    if not request.images:
        return GivenVectors(vectors)
    return GivenVectors(vectors, open_image_set(request.images, progress=progress))


def _of_rows(images: ImageSet, vectors: VectorSet) -> ImageSet:
    """Return the images of the rows, in their order: by name where the rows have names, else as they come."""
    place = {record.id: position for position, record in enumerate(images.records)}
    if vectors.names:
        missing = [name for name in vectors.names if name not in place]
        if missing:
            raise LabError(
                f"{images.spec} has no image for {len(missing)} of {len(vectors)} rows, such as {missing[0]!r}; give "
                f"the images of the rows, by names as in {images.records[0].id!r}"
            )
        return picked(images, [place[name] for name in vectors.names])
    if len(images) != len(vectors):
        raise LabError(f"there are {len(images)} images for {len(vectors)} rows of vectors; give one for every row")
    return images


def _image_set(request: ProbeRequest, vectors: VectorSet, shown: ImageSet | None) -> ImageSet:
    """Return the rows as a set of images; the content of one is its vectors, and its picture where there is one."""
    count = len(vectors)
    width = len(str(max(count - 1, 0)))
    names = vectors.names or (
        tuple(r.id for r in shown.records) if shown else tuple(f"row {k:0{width}d}" for k in range(count))
    )
    groups = vectors.groups
    if groups is None:
        groups = np.arange(count) if shown is None or request.groups != FOUND else shown.groups
    sizes = [(r.width, r.height) for r in shown.records] if shown else [(0, 0)] * count
    looks = shown.digests if shown else [""] * count
    values = [None] * count if vectors.targets.values is None else vectors.targets.values.tolist()
    several = vectors.targets.several or [()] * count
    records = tuple(
        ImageRecord(name, int(label), _row_digest(vectors, row, look), int(group), width, height, "", (), value, own)
        for row, (name, label, group, (width, height), look, value, own) in enumerate(
            zip(names, vectors.labels, groups, sizes, looks, values, several, strict=True)
        )
    )
    notes = () if shown else ("no pictures were given with the vectors, so their thumbnails are blank",)
    source = BlankSource() if shown is None else shown.source
    made = ImageSet(request.embeddings, vectors.classes, records, source, (), notes)
    return made if shown is None else replace(made, quarantined=shown.quarantined)


def _row_digest(vectors: VectorSet, row: int, look: str) -> str:
    found = hashlib.sha256(look.encode())
    for layer in vectors.layers:
        found.update(layer.vectors[row].tobytes())
    return found.hexdigest()


def _source(model: str, vectors: VectorSet) -> EmbeddingSource:
    own = [layer for layer in vectors.layers if layer.model == model]
    content = hashlib.sha256()
    for layer in own:
        content.update(f"{layer.name}\0{layer.depth!r}\0{array_digest(layer.vectors)}\0".encode())
    digest = content.hexdigest()
    _check_name(model)
    return EmbeddingSource(
        model, False, digest, digest, tuple(map(_layer, own)), {layer.name: layer.vectors for layer in own}
    )


def _layer(given: VectorLayer) -> Layer:
    return Layer(given.name, "module", given.depth, "NC", given.vectors.shape[1], 0, 0, 0, 0, "unknown")


def _check_name(model: str) -> None:
    """Raise LabError for a name that reads as a network with weights that there are not."""
    try:
        ModelRef.parse(model)
    except LabError as error:
        raise LabError(f"the vectors cannot be called {model!r}; leave the @ out of the name") from error
