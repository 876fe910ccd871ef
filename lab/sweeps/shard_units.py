"""The shards of one set as units of any engine: `lab.pass_shards("tf_efficientnet_lite0", "pets-{000..011}.tar")`.

A unit passes one shard through the network and leaves its vectors and what is told of its images in the home folder
(`lab.embeddings.sharded`). The question `many_images` is then answered from what is there, the same for any order,
engine or number of tries. A shard that came to nothing three times is set aside until it is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from lab.embeddings.sharded import ASIDE, Passing, is_passed, pass_shard, reason_of, set_aside
from lab.errors import LabError
from lab.experiments.other_probes.many_images import ManyImagesRequest, layers_read
from lab.images.shard_files import Shard
from lab.images.shards import is_shards, shards_of
from lab.images.specs import parsed
from lab.models import LoadedModel, card, load_model
from lab.models.devices import shared_out
from lab.progress import Progress, silent
from lab.settings import Compute
from lab.sweeps.attempt import FINISHED
from lab.sweeps.drive import tried
from lab.sweeps.engines import engine_named
from lab.sweeps.setup import Setup


@dataclass(frozen=True)
class ShardRequest:
    """What a worker is told: texts only."""

    model: str
    layers: str
    shard: Shard
    options: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return {**asdict(self), "options": dict(self.options)}


@dataclass(frozen=True)
class ShardUnit:
    """A shard to be passed, and where what comes of it lies."""

    request: ShardRequest
    passing: Passing

    @property
    def reads(self) -> str:
        """What is passed through the network: no two units read the same."""
        return self.request.shard.address

    @property
    def status(self) -> str:
        """`finished`, or what there is to do."""
        return FINISHED if is_passed(self.passing.folder(self.request.shard)) else "new"


def pass_shards(
    model: str,
    data: str,
    *,
    layers: str = "stages",
    engine: str = "local",
    workers: int | None = None,
    threads: int = 1,
    compute: Compute = Compute(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> pd.DataFrame:
    """Pass the shards of a set through a network on an engine; return one row a shard: shard, status, reason.

    Those that are finished are not passed again; `lab.ask("many_images", ...)` with the same model, data and layers
    answers from them. Raises LabError for what cannot be used, and for a set that does not lie in shards.
    """
    row, setup = engine_named(engine), Setup(workers, threads, compute, passed)
    request = ManyImagesRequest(model=model, data=data, layers=layers).canonical()
    name, options = parsed(request.data)
    if not is_shards(name):
        raise LabError(f"{data} does not lie in shards; ask many_images about it, or make .tar or .parquet shards")
    passing = Passing(card(request.model), layers_read(card(request.model), request.layers), options)
    units = {
        shard.name: ShardUnit(ShardRequest(request.model, request.layers, shard, options), passing)
        for shard in shards_of(name)
    }
    for unit in units.values():
        (passing.folder(unit.request.shard) / ASIDE).unlink(missing_ok=True)
    left = {name: unit for name, unit in units.items() if unit.status != FINISHED}
    for shard, why in tried(left, len(units), row, setup, progress, lambda unit: unit.status).items():
        if units[shard].status != FINISHED:
            set_aside(passing.folder(units[shard].request.shard), why[-1])
    reasons = {shard: reason_of(passing.folder(unit.request.shard)) for shard, unit in units.items()}
    rows = [(shard, "set aside" if why else FINISHED, why) for shard, why in reasons.items()]
    return pd.DataFrame(rows, columns=["shard", "status", "reason"])


def passed(request: Mapping[str, Any], device: str, batch_size: int) -> str:
    """Pass one shard; return FINISHED, or a sentence on why it is not. A worker keeps the network it loaded last."""
    try:
        shard = Shard(**request["shard"])
        model = _loaded(request["model"], shared_out(device, shard.address))
        passing = Passing(model.card, layers_read(model.card, request["layers"]), request["options"])
        pass_shard(model, passing, shard, compute=Compute(device, batch_size))
    except (Exception, KeyboardInterrupt) as error:
        return " ".join(f"{type(error).__name__}: {error}".split())
    return FINISHED


@lru_cache(maxsize=1)
def _loaded(model: str, device: str) -> LoadedModel:
    return load_model(model, device=device)
