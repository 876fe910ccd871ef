"""Which tensors of a checkpoint are a network's: found by name, whatever the training script put around them.

    state_dicts(content)             every dictionary of tensors in a checkpoint, by its place in it
    fits(wanted, found)              the ways to read one as the network: under a prefix, or by the number of a child
    best(fits)                       the one with the fewest faults; averaged weights first, a student's last

Nothing here knows a training framework: a prefix is taken when the network's names stand behind it. Tensors beside the
network (heads, queues, losses, a second copy) are left out and listed. Tensors that would be further layers of it are
a fault: a larger network holds the names of a smaller one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

Tensors = dict[str, "torch.Tensor"]
Shapes = Mapping[str, tuple[int, ...]]

# What torch.compile, FSDP and activation checkpointing put into names, wherever they wrap a module
WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_forward_module.")
# Buffers that a network makes itself, or a profiler leaves behind: missing or too many, they are no fault
BUFFERS = ("num_batches_tracked", "relative_position_index", "attn_mask", "total_ops", "total_params")
# Averaged weights are what a script evaluates; of two networks that teach each other, the one it keeps
AVERAGED = re.compile(r"(^|[._])ema([._]|$)")
SECOND = re.compile(r"student|encoder_k|key_encoder|momentum|target")
# Parameters of a network itself, not of a module in it: too many of them, and it is another network
OWN_PARAMETERS = re.compile(r"(cls|class|dist|reg|register)_tokens?|(abs_|rel_)?pos(ition)?_embed(ding)?s?")
DEEPEST = 4
MOST_PREFIXES = 8


@dataclass(frozen=True)
class StateDict:
    """A dictionary of tensors within a checkpoint; `place` is the keys that lead to it, with dots between them."""

    place: str
    tensors: Tensors


@dataclass(frozen=True)
class Fit:
    """A way to read a checkpoint as a network: `tensors` by the network's names, and what is wrong with it.

    `prefix` stood before each name at `place`. `missing` and `further` are names the network has and the checkpoint
    has not, and the reverse; `misshapen` are those of another shape. `beside` lies outside the network. `converted`
    are the names whose tensors timm had to reshape.
    """

    place: str
    prefix: str
    tensors: Tensors = field(repr=False)
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    further: tuple[str, ...]
    beside: tuple[str, ...]
    head_missing: tuple[str, ...]
    converted: tuple[str, ...] = ()

    @property
    def faults(self) -> int:
        """How many of the network's names, its classifier's apart, do not fit."""
        return len(self.missing) + len(self.misshapen) + len(self.further)

    @property
    def where(self) -> str:
        """Where the tensors lie, as a person may write it: the place and the prefix."""
        return ".".join(part for part in (self.place, self.prefix.rstrip(".")) if part)

    @property
    def rank(self) -> int:
        """Return 0 for averaged weights, 2 for the second of a pair of networks, else 1."""
        return 0 if AVERAGED.search(self.where) else 2 if SECOND.search(self.where) else 1


def state_dicts(content: Any) -> list[StateDict]:
    """Return every dictionary of tensors in a checkpoint, the outermost first."""
    return list(_walk(content, (), set()))


def fits(wanted: Shapes, children: Sequence[str], heads: Sequence[str], found: StateDict) -> Iterator[Fit]:
    """Yield the ways to read a dictionary as a network whose tensors have the shapes `wanted`.

    `children` are the network's own, in their order: `nn.Sequential(*network.children())` names them by number.
    `heads` are the classifiers' names.
    """
    for prefix in _prefixes(wanted, found.tensors):
        inside, beside = split(found.tensors, prefix)
        yield judged(found.place, prefix, inside, beside, wanted, children, heads)
    for prefix in _prefixes_of_numbers(found.tensors):
        inside, beside = split(found.tensors, prefix)
        named = {_by_number(name, children): value for name, value in inside.items()}
        yield judged(found.place, prefix, named, beside, wanted, children, heads)


def split(tensors: Tensors, prefix: str) -> tuple[Tensors, tuple[str, ...]]:
    """Return the tensors behind a prefix, without it, and the names of the others."""
    inside = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return inside, tuple(name for name in tensors if not name.startswith(prefix))


def judged(
    place: str,
    prefix: str,
    inside: Tensors,
    beside: Sequence[str],
    wanted: Shapes,
    children: Sequence[str],
    heads: Sequence[str],
    converted: Sequence[str] = (),
) -> Fit:
    """Return tensors under the network's own names as a `Fit`."""
    own = {name: value for name, value in inside.items() if name in wanted}
    absent = [name for name in wanted if name not in own and not name.endswith(BUFFERS)]
    others = [name for name in inside if name not in wanted]
    tops = {*children} - {head.partition(".")[0] for head in heads}
    further = [name for name in others if _is_a_layer(name, tops)]
    wrong = [name for name, value in own.items() if tuple(value.shape) != wanted[name] and not in_head(name, heads)]
    return Fit(
        place=place,
        prefix=prefix,
        tensors=own,
        missing=tuple(name for name in absent if not in_head(name, heads)),
        misshapen=tuple(wrong),
        further=tuple(further),
        beside=(*beside, *(prefix + name for name in others if name not in further)),
        head_missing=tuple(name for name in absent if in_head(name, heads)),
        converted=tuple(converted),
    )


def best(found: Sequence[Fit]) -> Fit:
    """Return the fit with the fewest faults; of equal ones the averaged weights, then the one with a classifier."""
    return min(found, key=lambda fit: (fit.faults, fit.rank, len(fit.head_missing), len(fit.beside)))


def in_head(name: str, heads: Sequence[str]) -> bool:
    """Whether a tensor belongs to a classifier."""
    return any(name.startswith(f"{head}.") for head in heads)


def _is_a_layer(name: str, tops: set[str]) -> bool:
    """Whether a tensor that a network has not would be a part of it: of another depth, or of another kind."""
    if name.endswith(BUFFERS):
        return False
    return name.partition(".")[0] in tops or OWN_PARAMETERS.fullmatch(name) is not None


def _walk(content: Any, place: tuple[str, ...], seen: set[int]) -> Iterator[StateDict]:
    import torch

    if not isinstance(content, Mapping) or len(place) > DEEPEST or id(content) in seen:
        return
    seen.add(id(content))  # a pickle can hold a dictionary that holds itself
    tensors = {_clean(str(name)): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if tensors:
        yield StateDict(".".join(place), tensors)
    for name, value in content.items():
        yield from _walk(value, (*place, str(name)), seen)


def _clean(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def _prefixes(wanted: Shapes, tensors: Tensors) -> list[str]:
    """Return what stands before the network's names, the most frequent first; "" is among them."""
    counts = Counter({"": 1})
    for name in tensors:
        for start in _starts(name):
            if name[start:] in wanted:
                counts[name[:start]] += 1
    return [prefix for prefix, _ in counts.most_common(MOST_PREFIXES)]


def _prefixes_of_numbers(tensors: Tensors) -> list[str]:
    """Return what stands before names that begin with a number, the most frequent first."""
    counts = Counter(
        name[:start] for name in tensors for start in _starts(name) if name[start:].partition(".")[0].isdecimal()
    )
    return [prefix for prefix, _ in counts.most_common(MOST_PREFIXES)]


def _by_number(name: str, children: Sequence[str]) -> str:
    number, dot, rest = name.partition(".")
    if number.isdecimal() and len(number) < 4 and int(number) < len(children):
        return children[int(number)] + dot + rest
    return name


def _starts(name: str) -> Iterator[int]:
    """Yield where each part of a dotted name begins."""
    yield 0
    yield from (position + 1 for position, sign in enumerate(name) if sign == ".")
