"""Conducts a run of targets that are no classes: images, one forward pass a network, probes layer by layer, verdicts.

    tables   layers, images, splits, quarantine   what was looked at
             summary      one row per layer and control: the scores that fit the target
             predictions  one row per layer and image (numbers, grades): its target and what was predicted
             labels       one row per layer and label (several labels): AUC and average precision
             emergence    from which depth the target, or each label, is read
             checks       what the verdict rests on

Controls are those of a probe run, and read as they are there: the untrained twin, shuffled targets, equally many random
channels, raw pixels, guessing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from lab.experiments.base import PartialResults
from lab.experiments.manifest import Clock, result_with_findings
from lab.experiments.result import Result
from lab.experiments.separability.measure import TWIN_SEEDS, EmbeddingSource, ProbeSetup, controls_of
from lab.experiments.separability.tables import layer_rows
from lab.experiments.separability.vectors import GivenVectors
from lab.experiments.targets.design import TargetDesign
from lab.experiments.targets.judgement import TargetJudgement, judge, shared_bootstrap
from lab.experiments.targets.kind import NOWHERE, Kind, Reading, joined
from lab.experiments.targets.labels import Labels
from lab.experiments.targets.numbers import Grades, Numbers
from lab.experiments.targets.opening import open_target, target_image_tables
from lab.experiments.targets.request import TargetRequest
from lab.images import ImageSet
from lab.models import ModelRef, card
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.stats.depth import early_and_late
from lab.stats.differences import simultaneous
from lab.stats.intervals import Bootstrap
from lab.threads import cores

KINDS: dict[str, Kind] = {kind.experiment: kind for kind in (Numbers(), Labels(), Grades())}


def run(
    request: TargetRequest,
    *,
    progress: Progress = silent,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    partial_results: PartialResults | None = None,
    images: ImageSet | None = None,
    given: GivenVectors | None = None,
) -> Result:
    """Return at which layer the target of `request` can be read; `images` are opened unless they are given, and so are
    the vectors of a request for such.

    A network that cannot be computed is reported in the manifest's `problems` and the others go on. Raises LabError
    when the images have no such target, or are too few.
    """
    kind, kept = KINDS[request.experiment], partial_results if partial_results is not None else {}
    clock = Clock()
    opened = open_target(kind, request, progress, compute, images, given)
    question, design, subjects, problems = opened.question, opened.design, opened.subjects, list(opened.problems)
    clock.mark("embeddings")
    readings = list(_read_all(kind, question, design, subjects, progress, kept))
    clock.mark("probes")
    networks = [subject for subject in subjects if subject.layers and not subject.twin]
    names, boot = kind.names(question.images, request), shared_bootstrap(kind, design)
    judged = {network.model: _judged(kind, design, network, readings, names, boot) for network in networks}
    summary = [
        {**one.where, "dim": one.dim, "control": one.control, **kind.summary(design, one.control, one.found)}
        for one in readings
    ]
    tables = {
        "layers": pd.DataFrame(list(layer_rows(networks))),
        **target_image_tables(kind, question),
        "summary": pd.DataFrame([*summary, {**NOWHERE, **kind.guessing(design)}]),
        **kind.details(question.images, design, readings, names),
        "emergence": pd.DataFrame(
            [
                row
                for n in networks
                for row in kind.emergence(
                    design, n, _of(readings, n, "probe"), names, judged[n.model].evidence.scores["probe"], boot
                )
            ]
        ),
        "checks": pd.DataFrame([{"model": m, **check.row()} for m, one in judged.items() for check in one.checks]),
    }
    return result_with_findings(
        request, tables, _findings(kind, tables, judged, names, boot), problems=problems, threads=cores(),
        verdicts={m: {"outcome": j.verdict.outcome, "sentence": j.verdict.sentence} for m, j in judged.items()},
        hashes={"images": question.images.fingerprint, **{n.model: n.digest for n in networks}},
        notes=[*question.images.notes, *_notes(request, networks)],
        timings=clock.seconds, **kind.extras(names),
    )  # fmt: skip


def _notes(request: TargetRequest, networks: Sequence[EmbeddingSource]) -> list[str]:
    return [] if request.embeddings else [note for network in networks for note in card(network.model).notes]


def _read_all(
    kind: Kind,
    question: ProbeSetup,
    design: TargetDesign,
    subjects: Sequence[EmbeddingSource],
    progress: Progress,
    kept: PartialResults,
) -> Iterator[Reading]:
    """Yield what is read off every layer of every subject; of the twins, all seeds of a layer as one."""
    asked = [(subject, layer) for subject in subjects for layer in subject.layers or (None,)]
    twins: dict[tuple[str, str], list[Reading]] = {}
    for done, (subject, layer) in enumerate(asked, 1):
        name = layer.name if layer else ""
        fits = controls_of(question.request, subject)
        key = f"{kind.experiment}/{subject.view}/{name}/{','.join(fits)}/{question.images.fingerprint}"
        if key not in kept:
            kept[key] = kind.fit(design, name, subject.embeddings[name], fits)
        progress(kind.doing, done, len(asked), "layers")
        found = kept[key]
        for control in fits:
            one = Reading.of(subject.model, control, layer, found)
            if not subject.twin:
                yield one
                continue
            same = twins.setdefault((subject.model, name), [])
            same.append(one)
            if len(same) == len(TWIN_SEEDS):
                yield joined(same)


def _of(readings: Sequence[Reading], network: EmbeddingSource, control: str) -> list[Reading]:
    return [one for one in readings if one.control == control and one.model in (network.model, "")]


def _judged(
    kind: Kind, design: TargetDesign, network: EmbeddingSource, readings: Sequence[Reading], names: Sequence[str],
    boot: Bootstrap,
) -> TargetJudgement:  # fmt: skip
    own = [one for one in readings if one.model in (network.model, "")]
    by_control = {one.control: [each.found for each in _of(own, network, one.control)] for one in own}
    layers = [layer.name for layer in network.layers]
    depths, trained = [layer.depth for layer in network.layers], not ModelRef.parse(network.model).untrained
    return judge(
        kind, design, by_control, boot, model=network.model, names=names, layers=layers, depths=depths, trained=trained
    )


def _findings(
    kind: Kind, tables: Mapping[str, pd.DataFrame], judged: Mapping[str, TargetJudgement], names: Sequence[str],
    boot: Bootstrap,
) -> list[str]:  # fmt: skip
    """Return the verdict on each network and what else is told of it, then how late layers of the networks differ."""
    found = []
    for model, one in judged.items():
        own = {name: tables[name][tables[name]["model"] == model] for name in ("summary", "emergence")}
        before = f"{model.split('@')[0]}: " if len(judged) > 1 else ""
        found += [one.verdict.sentence, *(before + sentence for sentence in kind.told(own, names))]
    return [*found, *_differences(kind, judged, boot)]


def _differences(kind: Kind, judged: Mapping[str, TargetJudgement], boot: Bootstrap) -> Iterator[str]:
    """Yield by how much late layers of each two networks differ, on the same images; the intervals hold all at once."""
    late = {
        model: one.evidence.scores["probe"][early_and_late(one.evidence.depths)[1]].mean(axis=0)
        for model, one in judged.items()
    }
    pairs = list(combinations(late, 2))
    if not pairs:
        return
    gaps = simultaneous(boot, np.stack([late[a] - late[b] for a, b in pairs]))
    for (a, b), gap in zip(pairs, gaps, strict=True):
        more = "more" if gap.low > 0 else "less" if gap.high < 0 else "not clearly more or less"
        mine, other = (float(boot.mean(late[model])) for model in (a, b))
        yield (
            f"Late layers of {a} read {more} than those of {b}: {kind.measure} {mine:.2f} against {other:.2f} "
            f"(difference {gap.value:+.2f}, 95 % interval {gap.low:+.2f} to {gap.high:+.2f})."
        )
