"""Is it the site rather than the class? What each layer reads of another factor, and whether that tells the class.

A factor is another column of the images' table (site, camera, patient), or what drawings show in words. It is probed
at every layer as the classes are, but over images: a split that keeps groups apart would leave nothing of the group's
own label to learn. Where a factor has two groups or more of every value, groups stay together. Beside it stands what
the factor alone says of the class, which no network is needed for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from lab.errors import LabError
from lab.experiments.separability.fits import ProbeDesign, fit_layer
from lab.experiments.separability.image_split import group_name, groups_given
from lab.experiments.separability.measure import EmbeddingSource, ProbeSetup
from lab.images import ImageSet
from lab.images.labelled import MOST_VALUES
from lab.images.synthetic.sets import DrawnSet, DrawnSource
from lab.names import names_in
from lab.partial_results import PartialResults
from lab.progress import Progress
from lab.stats.intervals import chance, scores

GROUP: Final = "group"
FEWEST: Final = 2  # images of a value
SHUFFLES, LEVEL = 500, 0.01  # of a permutation test; Wilson's interval would warn of nothing in one run of eight

Row = dict[str, Any]


def beside_tables(
    question: ProbeSetup, subjects: Sequence[EmbeddingSource], progress: Progress, partial_results: PartialResults
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the table `beside` (none unless it was asked for), and a sentence for each thing that is doubtful.

    Raises LabError for a factor that the images do not have, or that has too few or too many values.
    """
    images, request = question.images, question.request
    problems = []
    if groups_given(images, request):
        problems += told_by(group_name(images, request), images.groups, question.labels)
    asked = names_in(request.beside)
    rows: list[Row] = []
    for name in asked:
        values = factor_of(question, name)
        if not (groups_given(images, request) and name in (GROUP, group_name(images, request))):
            problems += told_by(name, np.unique(values, return_inverse=True)[1], question.labels)
        rows += _rows(question, subjects, name, values, progress, partial_results)
    return ({"beside": pd.DataFrame(rows)} if asked else {}), problems


def factor_of(question: ProbeSetup, name: str) -> np.ndarray:
    """Return a factor's value per image as text `(N,)`; "group" is the images' groups where no column has this name."""
    images = question.images
    if name == GROUP and name not in images.factor_names:
        if not groups_given(images, question.request):
            raise LabError(
                f"{images.spec} has no groups of its own to probe; name them with ?group=COLUMN or a table of groups"
            )
        own = group_name(images, question.request)
        return np.array(images.factor(own) if own != GROUP else [str(group) for group in images.groups])
    if isinstance(images, DrawnSet) and name in _shown(images):
        drawn = images.factors().set_index("image")[name]
        return drawn.loc[[record.id for record in images.records]].to_numpy(dtype=str)
    return np.array(images.factor(name))


def factor_names(images: ImageSet) -> list[str]:
    """Return the names of what else is known of each image; of drawings, what they show in words."""
    return [*images.factor_names, *_shown(images)]


def check_factors(question: ProbeSetup) -> None:
    """Raise LabError for a factor that is to be probed and that the images do not have: before any of the work."""
    for name in names_in(question.request.beside):
        factor_of(question, name)


def _shown(images: ImageSet) -> tuple[str, ...]:
    """Return the names of what drawings show in words beside the class, by the first of them; none of images that are
    no drawings, or a part that was picked."""
    if not isinstance(images, DrawnSet) or not isinstance(images.source, DrawnSource):
        return ()
    shown = images.drawing(0).factors
    return tuple(name for name, value in shown.items() if isinstance(value, str) and name != "class")


def told_by(name: str, values: np.ndarray, labels: np.ndarray) -> list[str]:
    """Return a sentence if the class can be told from `values` `(N,)` alone, by the commonest class of the other
    images of the same value.

    Many groups of one class each (patients) are no news: kept apart, they tell nothing of the images tested.
    """
    count = len(np.unique(values))
    pure = all(len(np.unique(labels[values == value])) == 1 for value in np.unique(values))
    if count < 2 or (pure and count > 2 * len(np.unique(labels))):
        return []
    found = class_by_factor(values, labels)
    rng = np.random.default_rng(0xB51DE)
    luck = [class_by_factor(values, rng.permutation(labels)) for _ in range(SHUFFLES)]
    if found <= max(chance(labels), float(np.quantile(luck, 1 - LEVEL))):
        return []
    return [
        f"The class can be told from {name!r} alone, without any image: {found:.2f} are right (with shuffled labels "
        f"{np.mean(luck):.2f}). A layer that reads {name} then seems to read the class: look at "
        f"what it reads of {name} (beside {name}), and take images that have every class in every {name}."
    ]


def class_by_factor(values: np.ndarray, labels: np.ndarray) -> float:
    """Return what share of images is right when named after the commonest class of the others of their value.

    An image whose value no other has is named after the commonest class of all others.
    """
    _, label = np.unique(labels, return_inverse=True)
    names, value = np.unique(values, return_inverse=True)
    counts = np.zeros((len(names), int(label.max()) + 1))
    np.add.at(counts, (value, label), 1)
    others = counts[value]
    rest = np.broadcast_to(counts.sum(axis=0), others.shape).copy()
    own = np.arange(len(label)), label
    others[own] -= 1
    rest[own] -= 1
    named = np.where(others.any(axis=1), others.argmax(axis=1), rest.argmax(axis=1))
    return float((named == label).mean())


def beside_findings(tables: dict[str, pd.DataFrame], model: str) -> list[str]:
    """Return for each factor where a network reads it best, and the class."""
    table = tables["beside"]
    own = table[table["model"] == model]
    summary = tables["summary"]
    probe = summary[(summary["model"] == model) & (summary["control"] == "probe")]
    best = _best(probe)
    found = []
    for name, rows in own.groupby("factor", sort=False):
        top = _best(rows)
        read = "is read" if top["ci_low"] > top["chance"] else "is not clearly read"
        pixels = table[(table["model"] == "") & (table["factor"] == name)]
        seen = f", raw pixels {pixels['accuracy'].iloc[0]:.2f}" if len(pixels) else ""
        found.append(
            f"{model}: {name} ({top['values']} values) {read}, best at {top['layer']}: {top['accuracy']:.2f} "
            f"({top['ci_low']:.2f} to {top['ci_high']:.2f}; guessing {top['chance']:.2f}{seen}). The class is read "
            f"best at {best['layer']}: {best['accuracy']:.2f}."
        )
    return found


def _best(rows: pd.DataFrame) -> pd.Series:
    return rows.iloc[int(rows["accuracy"].to_numpy().argmax())]


def _rows(
    question: ProbeSetup,
    subjects: Sequence[EmbeddingSource],
    name: str,
    values: np.ndarray,
    progress: Progress,
    partial_results: PartialResults,
) -> Iterator[Row]:
    images, request = question.images, question.request
    names, labels, counts = np.unique(values, return_inverse=True, return_counts=True)
    used = np.flatnonzero((counts >= FEWEST)[labels] & (values != ""))
    names, labels = np.unique(values[used], return_inverse=True)
    if not 2 <= len(names) <= MOST_VALUES:
        raise LabError(
            f"{name!r} has {len(names)} values with {FEWEST} images or more; to be probed beside the class it needs 2 "
            f"to {MOST_VALUES}"
        )
    design = ProbeDesign.of(labels, _kept_apart(images, used, labels), request.folds, request.repeats, request.seed,
                            [str(value) for value in names], request.probe)  # fmt: skip
    asked = [(one, layer) for one in subjects if not one.twin for layer in one.layers or (None,)]
    for done, (subject, layer) in enumerate(asked, 1):
        where = layer.name if layer else ""
        key = f"beside/{name}/{subject.view}/{where}/{images.fingerprint}"
        if key not in partial_results:
            vectors = subject.embeddings[where][used]
            partial_results[key] = fit_layer(design, where, vectors, ("probe",))
        progress(f"Probing {name} beside the class", done, len(asked), "layers")
        read = scores(partial_results[key]["probe.probabilities"], labels, design.groups)
        yield {
            "model": subject.model, "layer": where, "depth": layer.depth if layer else 0.0, "factor": name,
            "values": len(names), "images": len(used), "accuracy": read.accuracy, "ci_low": read.ci_low,
            "ci_high": read.ci_high, "chance": chance(labels, design.groups),
        }  # fmt: skip


def _kept_apart(images: ImageSet, used: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the groups that must not straddle a fold: the images' own where every value has several, else equal
    files."""
    own = images.groups[used]
    pairs = np.unique(np.stack([labels, own]), axis=1)
    if np.bincount(pairs[0]).min() >= FEWEST:
        return own
    return np.unique(np.array(images.digests)[used], return_inverse=True)[1]
