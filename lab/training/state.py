"""Where a training stands, and how that is written down as arrays: everything that the next step depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from lab.partial_results import Arrays, PartialResults

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

STATE, HISTORY = "state", "history"


@dataclass(frozen=True)
class Epoch:
    """What was seen after an epoch; `training_accuracy` is over the changed images of the epoch, as they came by."""

    epoch: int
    step: int
    rate: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass
class State:
    """Where a training stands. `best` holds the weights of the lowest validation loss so far, `sums` this epoch's
    training loss and hits."""

    step: int = 0
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    sums: tuple[float, float] = (0.0, 0.0)
    seconds: float = 0.0


def history_of(partial_results: PartialResults) -> list[Epoch]:
    """Return the epochs that a training under way has left in its pieces."""
    if HISTORY not in partial_results:
        return []
    arrays = partial_results[HISTORY]
    kinds = {f.name: int if f.type == "int" else float for f in fields(Epoch)}
    columns = {name: [kinds[name](value) for value in arrays[name]] for name in kinds}
    return [Epoch(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def history_arrays(history: Sequence[Epoch]) -> Arrays:
    rows = [asdict(epoch) for epoch in history]
    return {f.name: np.array([row[f.name] for row in rows], dtype=np.float64) for f in fields(Epoch)}


def arrays_of(network: nn.Module, optimiser: Optimizer, state: State) -> Arrays:
    """Return all that the next step depends on as arrays."""
    arrays = {f"weights/{name}": value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}
    arrays |= {f"best/{name}": value.cpu().numpy() for name, value in state.best.items()}
    for index, moments in optimiser.state_dict()["state"].items():
        arrays |= {
            f"moments/{index}/{name}": value.cpu().numpy() for name, value in moments.items() if value is not None
        }
    arrays |= {f"history/{name}": value for name, value in history_arrays(state.history).items()}
    return arrays | {"numbers": np.array([state.step, *state.sums, state.seconds], dtype=np.float64)}


def resumed(network: nn.Module, optimiser: Optimizer, partial_results: PartialResults) -> State:
    """Return where an earlier attempt was left, with the network and the optimiser put back there, or a new start."""
    import torch

    if STATE not in partial_results:
        return State()
    found: dict[str, dict[str, np.ndarray]] = {"weights": {}, "best": {}, "moments": {}, "history": {}, "numbers": {}}
    for key, value in partial_results[STATE].items():
        part, _, name = key.partition("/")
        found[part][name] = value
    network.load_state_dict({name: torch.from_numpy(value) for name, value in found["weights"].items()})
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in found["moments"].items():
        index, _, name = key.partition("/")
        moments.setdefault(int(index), {})[name] = torch.from_numpy(value)
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    step, loss, hits, seconds = found["numbers"][""].tolist()
    best = {name: torch.from_numpy(value) for name, value in found["best"].items()}
    return State(int(step), history_of({HISTORY: found["history"]}), best, (loss, hits), seconds)
