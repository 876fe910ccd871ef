"""Probing the layers of a network while a loop of one's own trains it: a plain loop, or Lightning.

    probes = TrainingProbes(network, images, labels, layers=["layer1", "layer4"], every=100)
    probes(0)                                  # before training
    for step, batch in enumerate(loader, start=1):
        ...                                    # a step of training
        probes(step)                           # every 100 steps: a pass over the images, and probes

Images and labels must be such that no step is computed from, else the probes read what was learnt by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lab.errors import LabError, briefly, check_type, nearest
from lab.experiments.result import Result
from lab.experiments.training.checkpoint_tables import gain_table, probe_table
from lab.experiments.training.checkpoints import FOLDS, REPEATS, HeldOutImages, fitted, shrunk
from lab.experiments.training.kept import watched_result
from lab.layers import Layer
from lab.layers.tracing import in_eval_mode
from lab.models.loading import is_module
from lab.probing.splits import make_splits

if TYPE_CHECKING:
    from torch import Tensor, nn

Reduce = Callable[["Tensor"], "Tensor"]
BATCH = 64


def vectors_of(output: Any) -> Tensor:
    """Return one vector per image `(N, D)` of a module's output: `(N, C, H, W)` and `(N, tokens, C)` averaged over
    places, `(N, C)` as it is, of several outputs the first. Raises LabError for anything else."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    places = {4: (2, 3), 3: (1,), 2: ()}.get(getattr(output, "ndim", 0))
    if places is None:
        shape = tuple(getattr(output, "shape", ())) or type(output).__name__
        raise LabError(f"a layer's output {shape} is no map, no tokens and no vector; give reduce=, or another layer")
    return output.mean(places) if places else output  # type: ignore[no-any-return]


class TrainingProbes:
    """Probes layers of a network in training, whenever it is called with a step that `every` divides.

    The network is left as it was: its mode, its gradients, its hooks and the random state are not touched, so training
    goes on as it would without.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Tensor,
        labels: Sequence[int] | np.ndarray,
        layers: Sequence[str],
        *,
        every: int = 1,
        steps_per_epoch: int | None = None,
        groups: Sequence[int] | np.ndarray | None = None,
        reduce: Reduce = vectors_of,
        seed: int = 0,
        keep: str = "",
    ) -> None:
        """Take `images` `(N, C, H, W)` as the network takes them, whole-number `labels` `(N,)` and names of modules
        in order of depth; `groups` `(N,)` never straddle a fold. With `keep`, a name, what was read so far is kept as
        a run of this name at every step, which the dashboard and `lab.load_run` open. Raises LabError for what does
        not fit together."""
        if not is_module(network):
            raise LabError(f"network is {briefly(network)}; give the torch.nn.Module that is trained")
        check_type("every", every, int, "a whole number")
        names = dict(network.named_modules())
        for name in layers:
            if name not in names:
                raise LabError(
                    f"the network has no module {name!r}{nearest(name, names)}; name some of named_modules()"
                )
        if not layers or len(set(layers)) < len(layers):
            raise LabError(f"layers are {list(layers)}; name one or more, each once, in order of depth")
        if not hasattr(images, "detach") or images.ndim != 4 or len(images) != len(labels):
            raise LabError(
                f"images are {tuple(getattr(images, 'shape', ()))} with {len(labels)} labels; give a tensor "
                "(N, C, H, W) as the network takes it, and a label for each"
            )
        if every < 1:
            raise LabError(f"every is {every}; it must be 1 or more")
        self.network, self.names, self.every, self.reduce = network, tuple(layers), every, reduce
        self.per_epoch, self.kept_as = steps_per_epoch, keep
        self._held = _held_out(images, labels, groups, seed)
        self._readings: dict[int, dict[str, np.ndarray]] = {}
        self._pixels = fitted(shrunk(self._held), self._held)

    def __call__(self, step: int) -> bool:
        """Probe every layer if this step is due and was not probed yet; return whether it was."""
        if step % self.every or step in self._readings:
            return False
        vectors = self._pass()
        self._readings[step] = {f"layer/{name}": fitted(vectors[name], self._held) for name in self.names}
        if self.kept_as:
            self.result.keep(self.kept_as)
        return True

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """`probes` (a row per step, layer and control: probe, shuffled labels, raw pixels) and, from the second step
        on, `gains` (what training added to each layer), as *Train and watch* has them.

        Raises LabError before the first step.
        """
        if not self._readings:
            raise LabError("nothing was probed yet; call it with a step that `every` divides, such as 0")
        readings = dict(sorted(self._readings.items()))
        per_epoch: Any = self.per_epoch or np.nan
        found = {"probes": probe_table(readings, self._layers(), self._pixels, self._held, per_epoch)}
        if len(readings) > 1:
            found["gains"] = gain_table(readings, self._layers(), self._held)
        return found

    @property
    def findings(self) -> list[str]:
        """What training added, a sentence each; empty until two steps were probed."""
        return self.result.findings

    @property
    def result(self) -> Result:
        """What was read so far as a result, with its tables, findings and charts; raises LabError as `tables` does."""
        return watched_result(type(self.network).__name__, self.kept_as, self.names, self._held, self.tables)

    def lightning(self) -> Any:
        """Return a callback for Lightning's `Trainer(callbacks=[…])`; it probes before training and after its steps.

        Raises LabError when Lightning is not installed.
        """
        try:
            from lightning.pytorch import Callback
        except ImportError:
            try:
                from pytorch_lightning import Callback  # type: ignore[assignment]
            except ImportError as error:
                raise LabError("Lightning is not installed; `pip install lightning`") from error
        probes = self

        class ProbeLayers(Callback):
            def on_train_start(self, trainer: Any, pl_module: Any) -> None:
                probes(0)

            def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
                probes(trainer.global_step)

        return ProbeLayers()

    def _layers(self) -> tuple[Layer, ...]:
        last = max(len(self.names) - 1, 1)
        return tuple(Layer(n, "module", k / last, "NC", 0, 0, 0, 0, 0, "unknown") for k, n in enumerate(self.names))

    def _pass(self) -> dict[str, np.ndarray]:
        """Return each layer's vectors `(N, D)`, in eval mode and without gradients; hooks are gone afterwards."""
        import torch

        taken: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        modules = dict(self.network.named_modules())
        place = next(self.network.parameters(), self._held.pixels).device
        handles = []
        try:
            for name in self.names:
                handles.append(modules[name].register_forward_hook(self._hook(taken[name])))
            with in_eval_mode(self.network), torch.no_grad():
                for batch in self._held.pixels.split(BATCH):
                    self.network(batch.to(place))
        finally:
            for handle in handles:
                handle.remove()
        count = len(self._held.labels)
        found = {name: np.concatenate(parts) for name, parts in taken.items() if parts}
        for name in self.names:
            if name not in found or len(found[name]) != count:
                raise LabError(f"layer {name!r} did not run once an image; choose one that does")
        return found

    def _hook(self, taken: list[np.ndarray]) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            taken.append(self.reduce(output).detach().float().cpu().numpy().copy())

        return hook


def _held_out(images: Tensor, labels: Any, groups: Any, seed: int) -> HeldOutImages:
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    classes = tuple(str(name) for name in np.unique(np.asarray(labels)))
    own = np.arange(len(numbers)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    splits = make_splits(numbers, own, folds=FOLDS, repeats=REPEATS, seed=seed, classes=classes)
    names = [str(row) for row in range(len(numbers))]
    return HeldOutImages(images.detach().cpu(), numbers, own, names, classes, splits, seed)
