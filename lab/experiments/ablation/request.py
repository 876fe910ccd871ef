"""What the requests about broken networks share: a network, an image set, how many images, a seed."""

from __future__ import annotations

from dataclasses import dataclass

from lab.experiments.base import DATA_HELP, DEFAULT_DATA, Request, model_option, option

PER_CLASS = 60


@dataclass(frozen=True)
class ProbeDataRequest(Request):
    """A request about a network and an image set; `seed` moves the splits and whatever is drawn at random."""

    model: str = model_option()
    data: str = option(DEFAULT_DATA, DATA_HELP)
    per_class: int = option(PER_CLASS, "images of each class, at most", least=4, most=2000)
    seed: int = option(0, "moves the folds and the random draws", least=0, most=2**31 - 1)

    @property
    def network(self) -> str:
        """The network's id, for titles."""
        return self.model.split("@")[0]
