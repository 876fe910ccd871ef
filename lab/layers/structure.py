"""Which of a network's modules are its stem, blocks, stages and head, found from how it is built and how it runs.

Going down from the root, a container is opened when its children are networks of their own (two weighted layers or
more), and so is a module of another kind when such containers hold most of its weights: that is a stage. What is
not opened is a block. A network that is one chain of plain layers (VGG) has a block per weighted layer, up to the
activation that follows it. A block whose output cannot be read is replaced by the outermost modules within it that
can, or by what contains it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.layers.modules import is_activation, is_container, is_plain_sequence, parameters_in
from lab.layers.tracing import Trace, Visit
from lab.layers.types import Kind
from lab.weights.networks import classifier_names

if TYPE_CHECKING:
    from torch import nn

STEM_NAMES = ("stem", "patch_embed", "conv_stem", "stem_conv")


@dataclass(frozen=True)
class Roles:
    """The names that have a part in the network's structure; every other layer is a plain module."""

    stem: str
    blocks: frozenset[str]
    stages: frozenset[str]
    head: str
    classifiers: frozenset[str]

    def kind(self, name: str) -> Kind:
        """Return what part a layer has."""
        parts: tuple[tuple[Kind, bool], ...] = (
            ("stem", name == self.stem),
            ("head", name == self.head),
            ("block", name in self.blocks),
            ("stage", name in self.stages),
        )
        return next((kind for kind, here in parts if here), "module")


def find_roles(module: nn.Module, seen: Trace, readable: frozenset[str]) -> Roles:
    """Return the roles of a network's modules; only `readable` ones get a role."""
    classifiers = frozenset(classifier_names(module)) or _last_weighted(seen)
    finder = _Finder(module, seen, readable, classifiers)
    blocks = finder.blocks()
    leading = list(itertools.takewhile(lambda name: name.split(".")[0] in STEM_NAMES, blocks))
    inner = blocks[len(leading) :]
    stem = finder.whole(leading) if leading else finder.stem(inner)
    head = finder.head(inner)
    return Roles(stem, frozenset(inner), frozenset(finder.stages(inner, stem, head)), head, classifiers)


class _Finder:
    def __init__(self, module: nn.Module, seen: Trace, readable: frozenset[str], classifiers: frozenset[str]) -> None:
        self.module, self.seen, self.readable, self.classifiers = module, seen, readable, classifiers
        # A module that stands at two places is visited at the first only: at the other it counts as without weights.
        self.weights = Counter(_weights_within(seen))
        self.total = sum(visit.weighted for visit in seen.visits.values())

    def blocks(self) -> list[str]:
        """Return the names of the blocks, in the order in which they end."""
        found = self._inside(self.module, "")
        covered = sum(self.weights[name] for name in found)
        if covered < self.total / 2:
            found = sorted({*found, *self._chain()})
        return sorted(set(found), key=lambda name: self.seen.visits[name].end)

    def stages(self, blocks: list[str], stem: str, head: str) -> list[str]:
        """Return the readable ends of stages after the stem: as timm's feature table has them, else by structure.

        By structure: what is directly around blocks; else each block after which the shape changes.
        """
        visits = self.seen.visits
        begin = visits[stem].end if stem else -1
        stages = [name for name in _announced(self.module) if name in self.readable and visits[name].end > begin]
        if len(stages) < 2:
            parents = {name.rpartition(".")[0] for name in blocks}
            stages = [parent for parent in parents & self.readable if parent not in blocks]
        if len(stages) < 2:
            pairs = itertools.pairwise(blocks)
            stages = [name for name, after in pairs if visits[name].output != visits[after].output]
        if blocks and all(visits[name].end < visits[blocks[-1]].end for name in stages):
            stages.append(blocks[-1])
        return [name for name in stages if not head.startswith(f"{name}.")]

    def whole(self, names: list[str]) -> str:
        """Return the module around all of `names` if it is readable, else the last of them."""
        around = names[0].split(".")[0]
        return around if around in self.readable else names[-1]

    def stem(self, blocks: list[str]) -> str:
        """Return the last readable layer before the first block starts; a plain chain has none."""
        if not blocks or blocks[0] in self._chain():
            return ""
        first = min(self.seen.visits[name].start for name in blocks)
        return self._last([visit for visit in self.seen.ran() if visit.end < first])

    def head(self, blocks: list[str]) -> str:
        """Return the last readable layer between the last block and the classifier."""
        if not blocks:
            return ""
        last = max(self.seen.visits[name].end for name in blocks)
        ends = [self.seen.visits[n].start for n in self.classifiers if self.seen.visits[n].ends]
        stop = min(ends, default=10**9)
        return self._last([visit for visit in self.seen.ran() if visit.start > last and visit.end < stop])

    def _inside(self, module: nn.Module, name: str) -> list[str]:
        """Return the blocks in a module that has been opened."""
        children = [(f"{name}.{short}" if name else short, child) for short, child in module.named_children()]
        # among modules of their own, side by side, one with a single weighted layer is a block too
        pure = bool(name) and is_container(module) and all(self._is_unit(full, child) for full, child in children)
        closed = {type(child) for full, child in children if not self._opens(child, full)} if pure else set()
        found: list[str] = []
        for full, child in children:
            if self._holds_classifier(full):
                continue
            # modules of a kind, side by side, are opened together or not at all
            opened = self._opens(child, full) and (type(child) not in closed or is_container(child))
            if opened or (pure and is_container(child)):
                found += self._inside(child, full) or self._resolved(full)
            elif pure or (self.weights[full] >= 2 and not is_plain_sequence(child)):
                found += self._resolved(full)
        return found

    def _is_unit(self, name: str, module: nn.Module) -> bool:
        return self.weights[name] > 0 and any(module.children())

    def _opens(self, module: nn.Module, name: str) -> bool:
        """Whether a module with several weighted layers is a group of blocks rather than a block."""
        composites = self._composites(module, name)
        if self.weights[name] < 2 or is_container(module):
            return bool(composites)
        children = list(module.named_children())
        held = sum(parameters_in(child) for short, child in children if self._is_group(child, f"{name}.{short}"))
        if held and held >= 0.5 * parameters_in(module):
            return True
        one_kind = len({type(child) for _, child in children}) == 1 and len(composites) == len(children)
        return one_kind and self.seen.visits[name].passes_on == children[-1][0]

    def _is_group(self, module: nn.Module, name: str) -> bool:
        """Whether a container within a module holds blocks: mostly modules with several weighted layers each."""
        children = [child for child in module.children() if type(child).__name__ != "Identity"]
        return is_container(module) and 2 * len(self._composites(module, name)) > len(children)

    def _composites(self, module: nn.Module, name: str) -> list[str]:
        return [full for short, _ in module.named_children() if self.weights[full := f"{name}.{short}"] >= 2]

    def _resolved(self, name: str) -> list[str]:
        """Return the module itself, or the outermost readable weighted modules within it."""
        if name in self.readable:
            return [name]
        module = self.seen.visits[name].module
        names = [f"{name}.{short}" for short, _ in module.named_children()]
        return [found for inner in names if self.weights[inner] for found in self._resolved(inner)]

    def _chain(self) -> list[str]:
        """Return, for each weighted layer in a long plain container, the last layer of its unit."""
        found = []
        for name, visit in self.seen.visits.items():
            children = [f"{name}.{short}" for short, _ in visit.module.named_children()]
            plain = not any(self.weights[child] > 1 for child in children)
            if is_container(visit.module) and plain and 3 * self.weights[name] > self.total:
                found += _units(
                    [self.seen.visits[child] for child in children if child in self.seen.visits], self.readable
                )
        return found

    def _last(self, visits: list[Visit]) -> str:
        """Return the last outermost layer with parameters among the visits, or the activation right behind it."""
        names = {visit.name for visit in visits}
        outermost = [
            visit
            for visit in visits
            if visit.name.rpartition(".")[0] not in names
            and visit.name in self.readable
            and not self._holds_classifier(visit.name)
        ]
        found = ""
        shape: tuple[int, ...] | None = None
        for visit in outermost:
            if parameters_in(visit.module) or (found and visit.output == shape and is_activation(visit.module)):
                found, shape = visit.name, visit.output
        return found

    def _holds_classifier(self, name: str) -> bool:
        return any(f"{classifier}.".startswith(f"{name}.") for classifier in self.classifiers)


def _units(children: list[Visit], readable: frozenset[str]) -> list[str]:
    found: list[str] = []
    for visit in children:
        if visit.name not in readable:
            continue
        if visit.weighted:
            found.append(visit.name)
        elif found and (is_activation(visit.module) or parameters_in(visit.module)):
            found[-1] = visit.name
    return found


def _announced(module: nn.Module) -> list[str]:
    """Return the modules that timm's own feature table names as the ends of stages."""
    info: Any = getattr(module, "feature_info", None) or []
    rows = getattr(info, "info", info)
    return [str(row["module"]) for row in rows if isinstance(row, dict) and row.get("module")]


def _last_weighted(seen: Trace) -> frozenset[str]:
    """Return the last weighted module if it may be a classifier: it puts out one vector an image, or is a convolution
    of one pixel with a bias, as in SqueezeNet, whose scores are averaged. A network that ends in others has none.
    """
    last = [visit for visit in seen.ran() if visit.weighted][-1:]
    return frozenset(visit.name for visit in last if _one_vector(visit.output) or _scores_each_pixel(visit.module))


def _one_vector(output: tuple[int, ...] | None) -> bool:
    return output is None or sum(size > 1 for size in output[1:]) <= 1


def _scores_each_pixel(module: nn.Module) -> bool:
    return set(getattr(module, "kernel_size", ())) == {1} and module.bias is not None


def _weights_within(seen: Trace) -> dict[str, int]:
    """Return how many weighted modules each module holds, itself included."""
    count = dict.fromkeys(seen.visits, 0)
    for visit in seen.visits.values():
        if visit.weighted and visit.ends:
            name = visit.name
            while name:
                count[name] = count.get(name, 0) + 1
                name = name.rpartition(".")[0]
    return count
