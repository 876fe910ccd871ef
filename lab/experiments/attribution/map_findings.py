"""What checked maps say, in sentences that follow the numbers. Torch-free: pages compute them for one method, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from lab.attributions.methods import METHODS
from lab.experiments.number_text import two

Tables = Mapping[str, pd.DataFrame]
Answer = Literal["yes", "no", "open"]

# A rank correlation above which a map of random weights counts as much the same map
ALIKE = 0.5
MOST_MISSING = 10.0  # where scores hardly differ any miss is many times the difference
INCOMPLETE = 0.1  # attributions that miss more than this share of what they should add up to are not to be read
RANDOM, EDGES = "random squares", "edges first"


def findings(tables: Tables, method: str = "") -> list[str]:
    """Return what the maps show, all of them or those of one method."""
    maps = tables["maps"]
    chosen = maps[maps["method"] == method] if method else maps
    parts = [
        *_explained(tables["targets"]),
        *_learned(chosen),
        *_matter(chosen, tables),
        *_edges(chosen),
        *_parts(chosen),
        *_complete(chosen),
        *(METHODS[name].warning for name in chosen["method"].unique()),
        *_problems(chosen),
    ]
    return [part for part in parts if part]


def learned(row: Mapping[Any, Any]) -> Answer:
    """Whether a map changes when the network's weights are random: "yes", "no", or "open" (the interval is both)."""
    low, high = row.get("random_low", np.nan), row.get("random_high", np.nan)
    if not (np.isfinite(low) and np.isfinite(high)):
        return "open"
    return "yes" if high < ALIKE else "no" if low > ALIKE else "open"


def matters(row: Mapping[Any, Any], orders: pd.DataFrame, tests: int = 1) -> Answer:
    """Whether a map's places move the probability more than random squares do (95 % of further random orders; of
    `tests` maps, so that random ones among them do in 5 % of all cases at most)."""
    _, _, high = random_range(orders, str(row["score_at"]), tests)
    gain = row.get("gain", np.nan)
    if not (np.isfinite(gain) and np.isfinite(high)):
        return "open"
    return "yes" if gain > high else "no"


def random_range(orders: pd.DataFrame, place: str, tests: int = 1) -> tuple[float, float, float]:
    """Return mean and 95 % prediction range of the gain of random orders (Student's t) for so many maps at once; nan
    where there are none."""
    from scipy.stats import t

    if not len(orders):
        return float("nan"), float("nan"), float("nan")
    gains = orders[(orders["order"] == RANDOM) & (orders["score_at"] == place)]["gain"].to_numpy()
    if len(gains) < 2:
        return float("nan"), float("nan"), float("nan")
    mean = float(gains.mean())
    half = float(gains.std(ddof=1) * np.sqrt(1 + 1 / len(gains)) * t.ppf(1 - 0.025 / max(tests, 1), len(gains) - 1))
    return mean, mean - half, mean + half


def orders_of(tables: Tables) -> pd.DataFrame:
    """Return the table `orders`, empty where maps were not checked."""
    return tables["orders"] if "orders" in tables else pd.DataFrame(columns=["order", "score_at", "draw", "gain"])


def _explained(targets: pd.DataFrame) -> list[str]:
    first = targets.iloc[0]
    if not first["score_at"]:
        return [f"The network's score for {first['name']} is explained (probability {first['probability']:.2f})."]
    if len(targets) == 1:
        return [
            f"The probe at {first['score_at']} is explained for {first['name']} (probability "
            f"{first['probability']:.2f}); it gets {first['accuracy']:.0%} of held-out images right "
            f"({first['ci_low']:.0%} to {first['ci_high']:.0%})."
        ]
    last = targets.iloc[-1]
    said = targets["name"].value_counts()
    votes = ", ".join(f"{count} say {name}" for name, count in said.items())
    return [
        f"Each layer's own probe is explained: {votes}. At {first['score_at']} it gets {first['accuracy']:.0%} of "
        f"held-out images right ({first['ci_low']:.0%} to {first['ci_high']:.0%}), at {last['score_at']} "
        f"{last['accuracy']:.0%} ({last['ci_low']:.0%} to {last['ci_high']:.0%})."
    ]


def _learned(maps: pd.DataFrame) -> list[str]:
    if "random" not in maps:
        return []
    answers = [learned(row) for row in maps.to_dict("records")]
    kept = maps[[answer == "no" for answer in answers]]
    text = (
        f"With random weights {_share(answers.count('yes'), len(answers))} become another map (rank correlation below "
        f"{ALIKE:g})."
    )
    if len(kept):
        names = ", ".join(f"{_name(row)}" for row in kept.head(3).to_dict("records"))
        more = f" and {len(kept) - 3} more" if len(kept) > 3 else ""
        text += f" Not to be trusted, since random weights leave them much the same: {names}{more}."
    return [text]


def _matter(maps: pd.DataFrame, tables: Tables) -> list[str]:
    orders = orders_of(tables)
    if "gain" not in maps or not len(orders):
        return []
    answers = [matters(row, orders, len(maps)) for row in maps.to_dict("records")]
    best = maps.iloc[int(maps["gain"].to_numpy().argmax())]
    mean, low, high = random_range(orders, best["score_at"], len(maps))
    here = orders[orders["score_at"] == best["score_at"]]
    edges = float(here[here["order"] == EDGES]["gain"].iloc[0])
    return [
        f"{_share(answers.count('yes'), len(answers))} move the probability more than random squares, most "
        f"{_name(best)}: {two(best['gain'])} against {two(mean)} (95 % of them {two(low)} to {two(high)}); edges "
        f"{two(edges)}."
    ]


def _edges(maps: pd.DataFrame) -> list[str]:
    row = maps.iloc[int(maps["edges"].to_numpy().argmax())]
    return [f"Most like an edge detector is {_name(row)} (rank correlation {row['edges']:.2f})."]


def _parts(maps: pd.DataFrame) -> list[str]:
    drawn = maps[np.isfinite(maps["share"])]
    if not len(drawn):
        return []
    best = drawn.iloc[int(drawn["share"].to_numpy().argmax())]
    above = int((drawn["share"] > drawn["area"]).sum())
    return [
        f"The parts that differ fill {best['area']:.0%} of this picture; {_share(above, len(drawn))} put more than "
        f"that there, most {_name(best)}: {best['share']:.0%}."
    ]


def missing_text(share: float) -> str:
    """Return by how much attributions miss what they should add up to, in words where that is next to nothing."""
    return f"{share:.1%}" if share <= MOST_MISSING else f"over {MOST_MISSING:.0%}"


def _complete(maps: pd.DataFrame) -> list[str]:
    due = maps[np.isfinite(maps["incompleteness"])]
    if not len(due):
        return []
    worst = due.iloc[int(due["incompleteness"].to_numpy().argmax())]
    missing = int((due["incompleteness"] > INCOMPLETE).sum())
    advice = f"; {missing} miss more than {INCOMPLETE:.0%}: ask for more steps" if missing else ""
    return [
        f"Attributions miss the sum they should have by {missing_text(worst['incompleteness'])} at worst "
        f"({_name(worst)}){advice}."
    ]


def _problems(maps: pd.DataFrame) -> list[str]:
    broken = maps[maps["problem"] != ""]
    return [f"{_name(row)} cannot be read: {row['problem']}." for row in broken.to_dict("records")]


def _share(some: int, all_of: int) -> str:
    return f"{some} of {all_of} maps"


def _name(row: Any) -> str:
    return f"{METHODS[row['method']].title} {_at(row['layer'])}"


def _at(layer: str) -> str:
    return f"at {layer}" if layer else "on the pixels"
