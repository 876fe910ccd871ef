"""The training loop: batches in an order and with changes that follow from the seed and the step alone.

    train(network, data, plan, keep=…, pieces=…, progress=…) -> Outcome

Everything a step depends on is in the network, the optimiser and the step's number, and all of it is left in `pieces`
now and then; so a run that was ended at any instant goes on and ends with the very weights it would have had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.models.devices import device_of
from lab.partial_results import PartialResults
from lab.progress import Progress
from lab.training.augment import augmented
from lab.training.pixels import Parts
from lab.training.recipes import Recipe, make_optimiser
from lab.training.state import HISTORY, STATE, Epoch, State, arrays_of, history_arrays, resumed

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer

# Checkpoints are kept after so many epochs: close together at first, where most changes.
MOMENTS = (0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
ENOUGH_TIMES = 2  # evaluations in a row that must reach `enough`, so that one lucky one does not end it
GRADIENT_NORM = 1.0
EASED = (0.2, 0.8)  # skill (0 chance, 1 perfect) from which images are changed, and from which fully
SAVE_SECONDS = 5.0

Tensors = Mapping[str, "torch.Tensor"]


@dataclass(frozen=True)
class Data:
    """Images uint8 `(N, 3, H, W)`, labels int64 `(N,)`, which of them are for what, and their normalisation."""

    pixels: Tensor
    labels: Tensor
    parts: Parts
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """A recipe with a seed, and the validation accuracy that is good enough to stop (above 1: never)."""

    recipe: Recipe
    seed: int
    enough: float

    def steps_per_epoch(self, data: Data) -> int:
        """Return how many batches there are in an epoch; a last, smaller one is left out unless it is the only one."""
        return max(1, len(data.parts.train) // self.recipe.batch)


@dataclass(frozen=True)
class Outcome:
    """How a training ended: why ("enough", "patience" or "epochs"), at which epoch its weights were best, every epoch,
    and the steps whose weights were kept. The network holds the best weights."""

    why: str
    best: Epoch
    history: tuple[Epoch, ...]
    steps_per_epoch: int
    kept: tuple[int, ...]


def train(
    network: nn.Module,
    data: Data,
    plan: Plan,
    *,
    keep: Callable[[int, Tensors], None],
    partial_results: PartialResults,
    progress: Progress,
    stage: str = "Training",
) -> Outcome:
    """Train `network` in place; `keep(step, weights)` is called at `MOMENTS`. torch's random state on the CPU
    is as before."""
    import torch

    # On CPUs the convolutions of small networks take 3/4 of the time in this layout (67 against 89 ms a batch).
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = make_optimiser(network, plan.recipe)
    state = resumed(network, optimiser, partial_results)
    per_epoch = plan.steps_per_epoch(data)
    total = per_epoch * plan.recipe.epochs
    moments = _moments(per_epoch)
    if state.step == 0:
        keep(0, network.state_dict())
    saved = time.monotonic()
    with torch.random.fork_rng(devices=[]):
        while not (why := _ended(state, plan, total)):
            progress(stage, state.step, total, "batches")
            began = time.perf_counter()
            _step(network, optimiser, data, plan, state, per_epoch)
            if state.step % per_epoch == 0:
                _end_epoch(network, data, plan, state, per_epoch)
                partial_results[HISTORY] = history_arrays(state.history)
            state.seconds += time.perf_counter() - began
            if state.step in moments:
                keep(state.step, network.state_dict())
            if time.monotonic() - saved > SAVE_SECONDS:
                partial_results[STATE] = arrays_of(network, optimiser, state)
                saved = time.monotonic()
    progress(stage, total, total, "batches")
    return _finished(network, state, why, keep, per_epoch)


def evaluate(network: nn.Module, data: Data, positions: np.ndarray, batch: int = 64) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy and the logits `(n, classes)` of some images, in eval mode."""
    import torch
    from torch.nn.functional import cross_entropy

    network.eval()
    with torch.inference_mode():
        logits = torch.cat([network(_normal(_floats(data, part), data)) for part in _chunks(positions, batch)])
        loss = float(cross_entropy(logits, data.labels[torch.from_numpy(positions)]))
    return loss, logits.numpy()


def rate_at(step: int, plan: Plan, per_epoch: int) -> float:
    """Return the learning rate of a step: a straight rise, then half a cosine to zero (Loshchilov & Hutter 2017)."""
    recipe = plan.recipe
    rise = recipe.warm_up * per_epoch
    total = recipe.epochs * per_epoch
    if step < rise:
        return recipe.learning_rate * (step + 1) / (rise + 1)
    return float(recipe.learning_rate * 0.5 * (1 + np.cos(np.pi * (step - rise) / max(1.0, total - rise))))


def changes_at(history: Sequence[Epoch], recipe: Recipe, data: Data) -> float:
    """Return how strongly images are changed now: when eased, by how far the last epoch's accuracy was above chance.

    The idea of Karras et al. 2020 (arXiv 2006.06676), who let the strength follow how much is learnt by heart.
    """
    if not recipe.eased:
        return recipe.changes
    chance = 1 / (int(data.labels.max()) + 1)
    skill = (history[-1].training_accuracy - chance) / (1 - chance) if history else 0.0
    low, high = EASED
    return recipe.changes * float(np.clip((skill - low) / (high - low), 0, 1))


def _step(network: nn.Module, optimiser: Optimizer, data: Data, plan: Plan, state: State, per_epoch: int) -> None:
    """Take one step and count it; it depends on the network, the optimiser, the seed and the step only."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.nn.utils import clip_grad_norm_

    epoch, place = divmod(state.step, per_epoch)
    order = np.random.default_rng((plan.seed, epoch)).permutation(data.parts.train)
    positions = order[place * plan.recipe.batch : (place + 1) * plan.recipe.batch]
    seed = int(np.random.SeedSequence((plan.seed, state.step)).generate_state(1)[0])
    torch.default_generator.manual_seed(seed)
    if device_of(network).type != "cpu":  # what a network drops is drawn where it is
        torch.manual_seed(seed)
    for group in optimiser.param_groups:
        group["lr"] = rate_at(state.step, plan, per_epoch)
    network.train()
    labels = data.labels[torch.from_numpy(positions)]
    logits = network(_normal(augmented(_floats(data, positions), changes_at(state.history, plan.recipe, data)), data))
    loss = cross_entropy(logits, labels, label_smoothing=plan.recipe.smoothing)
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    clip_grad_norm_(network.parameters(), GRADIENT_NORM)
    optimiser.step()
    right = float((logits.argmax(1) == labels).float().mean())
    state.sums = (state.sums[0] + float(loss.detach()), state.sums[1] + right)
    state.step += 1


def _end_epoch(network: nn.Module, data: Data, plan: Plan, state: State, per_epoch: int) -> None:
    positions = data.parts.validation
    loss, logits = evaluate(network, data, positions)
    right = float((logits.argmax(1) == data.labels.numpy()[positions]).mean())
    best = min((epoch.validation_loss for epoch in state.history), default=float("inf"))
    if loss < best or not state.best:
        state.best = {name: value.clone() for name, value in network.state_dict().items()}
    training, hits = (value / per_epoch for value in state.sums)
    rate = rate_at(state.step - 1, plan, per_epoch)
    row = Epoch(state.step // per_epoch, state.step, rate, training, hits, loss, right, state.seconds)
    state.history.append(row)
    state.sums = (0.0, 0.0)


def _ended(state: State, plan: Plan, total: int) -> str:
    """Return why training ends here, "" when it goes on."""
    last = state.history[-ENOUGH_TIMES:]
    if len(last) == ENOUGH_TIMES and all(epoch.validation_accuracy >= plan.enough for epoch in last):
        return "enough"
    losses = [epoch.validation_loss for epoch in state.history]
    if losses and len(losses) - 1 - int(np.argmin(losses)) >= plan.recipe.patience:
        return "patience"
    return "epochs" if state.step >= total else ""


def _finished(
    network: nn.Module, state: State, why: str, keep: Callable[[int, Tensors], None], per_epoch: int
) -> Outcome:
    best = min(state.history, key=lambda epoch: epoch.validation_loss)
    network.load_state_dict(state.best)
    network.eval()
    keep(best.step, state.best)
    kept = {best.step, *(step for step in _moments(per_epoch) if step <= state.step)}
    return Outcome(why, best, tuple(state.history), per_epoch, tuple(sorted(kept)))


def _moments(per_epoch: int) -> set[int]:
    """Return the steps at which checkpoints are kept."""
    return {round(moment * per_epoch) for moment in MOMENTS}


def _floats(data: Data, positions: np.ndarray) -> Tensor:
    import torch

    return data.pixels[torch.from_numpy(positions)].float() / 255


def _normal(images: Tensor, data: Data) -> Tensor:
    import torch

    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (data.mean, data.std))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _chunks(positions: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(positions), size):
        yield positions[start : start + size]
