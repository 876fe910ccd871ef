"""Conducts a probe run: images, one forward pass a network, probes layer by layer, maps, tables, verdicts.

Here the steps follow each other; what is read is in `reading`, what the numbers become in `tables`, how they are
computed in `lab.probing`, `lab.stats` and `lab.geometry`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.base import DEFAULT_DATA, DEFAULT_MODEL, PartialResults
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.experiments.separability.beside import beside_findings, beside_tables, check_factors, factor_names
from lab.experiments.separability.decision_depth import decision_tables
from lab.experiments.separability.given_split import Measured, test_part, training_part
from lab.experiments.separability.image_split import with_parts
from lab.experiments.separability.label_efficiency import label_tables
from lab.experiments.separability.maps import draw_maps
from lab.experiments.separability.measure import open_sources, prepare, probe_all
from lab.experiments.separability.request import ProbeRequest
from lab.experiments.separability.split_notes import notes_of, split_problems
from lab.experiments.separability.tables import assemble
from lab.experiments.separability.vectors import GivenVectors, open_vectors
from lab.images import ImageSet, from_python, images_asked, images_in_request, open_image_set, regrouped, short_name
from lab.layers import Layer, select_layers
from lab.models import Model, ModelRef, card, names_of
from lab.names import list_of, names_given
from lab.probing.controls import OPTIONAL
from lab.probing.task import LOGISTIC
from lab.progress import Progress, silent
from lab.progress_bars import shown as bars_for
from lab.settings import Compute
from lab.threads import cores


def measure_and_assemble(
    request: ProbeRequest,
    progress: Progress,
    compute: Compute,
    partial_results: PartialResults,
    images: ImageSet | None = None,
    given: GivenVectors | None = None,
) -> Result:
    """Return the result of `request` (see `separability.run`); `images` are opened unless they are given, and so are
    the vectors of a request for such."""
    clock = Clock()
    if request.embeddings:
        question, subjects = open_vectors(request, given, progress)
        problems: list[str] = []
    else:
        question = prepare(request, progress, images)
        check_factors(question)
        clock.mark("images")
        subjects, problems = open_sources(question, progress, compute)
    problems += split_problems(question, subjects)
    clock.mark("embeddings")
    beside, doubtful = beside_tables(question, subjects, progress, partial_results)
    problems += doubtful
    readings = list(probe_all(question, subjects, progress, partial_results))
    clock.mark("probes")
    learned = training_part(Measured(question, subjects))
    labels_needed = label_tables(learned.question, learned.subjects, progress, partial_results)
    clock.mark("labels")
    tested = test_part(Measured(question, subjects, readings))
    maps = draw_maps(tested.question, tested.subjects, progress)
    clock.mark("maps")
    tables, verdicts = assemble(question, subjects, readings, maps)
    tables |= decision_tables(tested.question, tested.subjects, tested.readings) | labels_needed | beside
    clock.mark("tables")
    hashes = {"images": question.images.fingerprint, **{s.model: s.digest for s in subjects if s.layers}}
    computed = dict.fromkeys(s.model for s in subjects if s.layers and not s.twin)
    notes = [f"{model}: {note}" for model in computed for note in (() if request.embeddings else card(model).notes)]
    if beside:
        notes += [sentence for model in computed for sentence in beside_findings(tables, model)]
    return result_with_findings(
        request, tables, [verdict["sentence"] for verdict in verdicts.values()], verdicts=verdicts, problems=problems,
        hashes=hashes, threads=cores(), timings=clock.seconds, notes=[*notes_of(question), *notes],
        classes=list(question.images.classes), factors=factor_names(question.images),
    )  # fmt: skip


def run(
    request: ProbeRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
) -> Result:
    """Return the probes, controls, maps and verdict for `request`.

    A network that cannot be computed is reported in the manifest's `problems` and the others go on. Raises LabError
    when the images cannot be used or no network could be computed.
    """
    return measure_and_assemble(request, progress, compute, partial_results if partial_results is not None else {})


def probe(
    models: Model | Iterable[Model] = DEFAULT_MODEL,
    images: str | os.PathLike[str] | ImageSet | tuple[Any, Any] = DEFAULT_DATA,
    *,
    preprocess: Any = None,
    layers: str | Sequence[str | Layer] = "blocks",
    pooling: str = "avg",
    controls: str | Sequence[str] = tuple(OPTIONAL),
    probe: str = LOGISTIC,
    classes: Sequence[str] = (),
    per_class: int | None = None,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
    groups: str | Sequence[Any] = "auto",
    split: str = "auto",
    beside: str | Sequence[str] = "",
    progress: Progress | None = None,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> Result:
    """Probe layers of one or more networks on an image set, with controls and a verdict.

    `models` are names (`ID[@WEIGHTS]`), what `load_model` returns, or torch modules of your own, which are copied and
    never touched; `preprocess` is how such a module wants its images (see `load_model`). `images` are a set's name,
    a folder, what `open_image_set` returns, or arrays and labels `(X, y)`, X `(N, C, H, W)` being what the module is
    given as it is (see `images_of_arrays`). `layers`: "stages", "blocks", "all", or names. `controls`: "all",
    "none", or names. `probe`:
    "logistic", or "ridge" in closed form, for many classes. The other arguments are the fields of `ProbeRequest`.

    A network is measured with the weights that it has now. One that has no untrained twin is measured without that
    control, and the result's problems say why. Raises LabError, in one sentence, for what cannot be used. The result
    is kept by the caller only; the command line and the dashboard keep theirs as runs.
    """
    given, data, classes, per_class, groups = images_in_request(images, classes, per_class, groups)
    request = ProbeRequest.from_dict(
        {
            "models": names_of(models, preprocess, given),
            "data": data, "layers": layers, "pooling": pooling, "controls": controls, "classes": classes,
            "per_class": per_class, "folds": folds, "repeats": repeats, "seed": seed, "groups": groups,
            "split": split, "probe": probe, "beside": list_of(names_given("columns beside", beside)),
        }
    )  # fmt: skip
    with bars_for(progress) as told:
        return measure_and_assemble(request.canonical(), told, compute, {}, given)


def embeddings_of(
    result: Result,
    images: ImageSet | None = None,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
) -> dict[str, np.ndarray]:
    """Return the embeddings that a result was read off, float32 `(N, D)` by "model/layer", rows as its table of images.

    They come from the cache, or are computed again when it was emptied; `images` are those of the run where they came
    from Python. Raises LabError when the images have changed
    since, or when the result is of another experiment.
    """
    request, images = result.request, None if images is None else images_asked(images)
    if not isinstance(request, ProbeRequest):
        raise LabError(f"run {request.run_id} answers another question and has no embeddings; name a probe run")
    if request.embeddings:
        return _given_again(result, request, progress)
    if images is None and from_python(request.data):
        raise LabError(
            f"the images {short_name(request.data)} came from Python and are not kept with a result; give them again: "
            "result.embeddings(images)"
        )
    if not isinstance(images, ImageSet):
        data = request.data if images is None else images
        images = open_image_set(data, classes=request.classes, per_class=request.per_class, progress=progress)
    images, _ = with_parts(regrouped(images, request.groups), request.split)
    if images.fingerprint != result.manifest["hashes"]["images"]:
        raise LabError(f"the images of {request.data} have changed since run {request.run_id}; run it again")
    found: dict[str, np.ndarray] = {}
    for model in (name for name in request.models if name in result.manifest["hashes"]):
        ref = ModelRef.parse(model)
        layers = select_layers(card(ref).layers, request.layers)
        vectors = embed(ref, images, layers, pooling=request.pooling, compute=compute, progress=progress)
        found |= {f"{model}/{layer}": vectors[layer] for layer in vectors}
    return found


def _given_again(result: Result, request: ProbeRequest, progress: Progress) -> dict[str, np.ndarray]:
    """Return the vectors that a run was given, read from their file again."""
    question, sources = open_vectors(request, None, progress)
    if question.images.fingerprint != result.manifest["hashes"]["images"]:
        raise LabError(f"{request.embeddings} has changed since run {request.run_id}; run it again")
    return {f"{one.model}/{name}": vectors for one in sources if one.layers for name, vectors in one.embeddings.items()}
