"""Checkpoints that are damaged, hostile or odd: each loads equal to its network, or ends in one sentence.

    python benchmarks/attack_checkpoints.py [--count 500] [--seed 0]

One row per kind of attack: how many files, how many loaded equal, were refused, loaded with other numbers, ended in
anything but a LabError, ran code; the longest time and the most memory one file took. Two kinds have no checksum in
their format, so that a flipped bit in a number can only be seen where it makes the number infinite: `.safetensors` and
the pickles before torch 1.6. They are rows of their own.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ID = "test_resnet"
CLASSES = 7
SENTENCE = 1200  # characters of the longest sentence that is still one
NO_CHECKSUM = ("bits of a .safetensors", "bits of an old pickle")
Tensors = dict[str, Any]
Attack = Callable[[Path, Tensors, np.random.Generator], None]


@dataclass
class Tally:
    """What became of the files of one kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    examples: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Print one table; the exit code is 1 when a file was loaded wrong, ended in a traceback or ran code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500, help="files in all")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = attacked(given.count, given.seed)
    print("\n".join(table(found)))
    for kind, tally in found.items():
        for outcome, text in tally.examples.items():
            print(f"{kind}: {outcome}: {text}", file=sys.stderr)
    sys.exit(1 if faults(found) else 0)


def attacked(count: int, seed: int = 0) -> dict[str, Tally]:
    """Return what became of `count` files, in turn one of each kind."""
    from lab.weights.networks import build_network

    weights = dict(build_network(ID, 5, num_classes=CLASSES).state_dict())
    random = np.random.default_rng(seed)
    found: dict[str, Tally] = {kind: Tally() for kind in ATTACKS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            kind = list(ATTACKS)[number % len(ATTACKS)]
            path = Path(folder) / f"{number}{'.safetensors' if 'safetensors' in kind else '.pth'}"
            ATTACKS[kind](path, weights, random)
            proof = Path(folder) / "executed"
            began = time.monotonic()
            outcome, text = judged(path, weights, proof)
            found[kind].seconds = max(found[kind].seconds, time.monotonic() - began)
            found[kind].outcomes[outcome] += 1
            found[kind].examples.setdefault(outcome, text)
            path.unlink()
            proof.unlink(missing_ok=True)
    return found


def judged(path: Path, weights: Tensors, proof: Path) -> tuple[str, str]:
    """Return what became of a file, and the sentence if there was one."""
    import torch

    from lab.errors import LabError
    from lab.weights import SOURCES

    try:
        module = SOURCES["checkpoint"].build(ID, str(path)).module
    except LabError as error:
        text = str(error)
        outcome = "refused" if "\n" not in text and len(text) <= SENTENCE else "no sentence"
    except BaseException as error:
        outcome, text = "uncaught", f"{type(error).__name__}: {error}"
    else:
        own = module.state_dict()
        equal = all(torch.equal(value, weights[name].to(value.dtype)) for name, value in own.items())
        outcome, text = ("equal" if equal else "other numbers"), ""
    return ("ran code", text) if proof.exists() else (outcome, text)


def faults(found: dict[str, Tally]) -> int:
    """Return how many files did what none may do."""
    wrong = 0
    for kind, tally in found.items():
        bad = ("uncaught", "ran code", "no sentence", *(() if kind in NO_CHECKSUM else ("other numbers",)))
        wrong += sum(tally.outcomes[outcome] for outcome in bad)
    return wrong


def table(found: dict[str, Tally]) -> list[str]:
    """Return the table in Markdown, with the most memory that this process has had."""
    columns = ("equal", "refused", "other numbers", "no sentence", "uncaught", "ran code")
    lines = [f"| kind | files | {' | '.join(columns)} | longest |", f"|---|{'---|' * (len(columns) + 2)}"]
    for kind, tally in found.items():
        counts = [str(tally.outcomes[name]) for name in columns]
        lines.append(f"| {kind} | {sum(tally.outcomes.values())} | {' | '.join(counts)} | {tally.seconds:.1f} s |")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [*lines, "", f"{faults(found)} faults; at most {most:.1f} GB of memory, torch included."]


# --- attacks --------------------------------------------------------------------------------------------------------


def _saved(content: Any, *, old: bool = False) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def _safetensors(weights: Tensors) -> bytes:
    from safetensors.torch import save

    return bytes(save(weights))


def _flipped(content: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
    return bytes(changed)


def _bits(make: Callable[[Tensors], bytes]) -> Attack:
    return lambda path, weights, random: _write(path, _flipped(make(weights), random))


def _cut(make: Callable[[Tensors], bytes]) -> Attack:
    def attack(path: Path, weights: Tensors, random: np.random.Generator) -> None:
        content = make(weights)
        _write(path, content[: int(random.integers(len(content)))])

    return attack


def _noise(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    magic = (b"", b"PK\x03\x04", b"\x80\x02", struct.pack("<Q", 2**40), b"{")[int(random.integers(5))]
    _write(path, magic + random.bytes(int(random.integers(0, 5000))))


class _Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def _code(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    proof = str(path.parent / "executed")
    calls = (
        (os.system, f"touch {proof}"), (open, proof, "w"), (eval, f"open({proof!r}, 'w')"), (Path(proof).touch,),
        (np.savetxt, proof, [1]), (getattr, Path(proof), "touch"), (exec, f"open({proof!r}, 'w')"),
    )  # fmt: skip
    hook = _Runs(*calls[int(random.integers(len(calls)))])
    contents = ({"state_dict": weights, "hook": hook}, {"hook": [hook], **weights}, hook, {"args": {"x": hook}})
    content = contents[int(random.integers(len(contents)))]
    _write(path, pickle.dumps(hook) if random.random() < 0.2 else _saved(content, old=random.random() < 0.3))


def _one(weights: Tensors, random: np.random.Generator) -> str:
    names = [name for name, value in weights.items() if value.is_floating_point() and not name.startswith("fc.")]
    return names[int(random.integers(len(names)))]


def _changed(change: Callable[[Any, np.random.Generator], Any]) -> Attack:
    def attack(path: Path, weights: Tensors, random: np.random.Generator) -> None:
        name = _one(weights, random)
        _write(path, _saved({**weights, name: change(weights[name], random)}))

    return attack


def _number_type(value: Any, random: np.random.Generator) -> Any:
    import torch

    kinds = ("int8", "uint8", "int64", "bool", "complex64", "float8_e4m3fn", "float8_e5m2", "int16")
    return value.to(getattr(torch, kinds[int(random.integers(len(kinds)))]))


def _not_finite(value: Any, random: np.random.Generator) -> Any:
    changed = value.clone()
    changed.view(-1)[int(random.integers(changed.numel()))] = (float("nan"), float("inf"))[int(random.integers(2))]
    return changed


def _shape(value: Any, random: np.random.Generator) -> Any:
    import torch

    shapes = ((0,), (1,), (10**6, 10**6), (*value.shape, 1), (), (2, *value.shape))
    shape = shapes[int(random.integers(len(shapes)))]
    return torch.zeros(()).expand(shape) if shape else torch.zeros(())


def _huge_head(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    import torch

    rows = int(10 ** random.uniform(9, 12))
    inner = weights["fc.weight"].shape[1]
    wide = {"fc.weight": torch.zeros(1, 1).expand(rows, inner), "fc.bias": torch.zeros(1).expand(rows)}
    _write(path, _saved({**weights, **wide}))


def _bomb(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    """An archive that would be 64 GB large, in some megabytes of zeros."""
    content = zipfile.ZipFile(io.BytesIO(_saved(weights)))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in content.namelist():
            archive.writestr(name, content.read(name))
        archive.writestr("archive/data/9999", bytes(1_000_000))
    raw = bytearray(buffer.getvalue())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)  # says what it unpacks to
    _write(path, bytes(raw))


def _loops(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    content: dict[Any, Any] = {"state_dict": weights}
    content["again"] = content
    inner: Any = weights
    for number in range(int(random.integers(1, 400))):
        inner = {f"level{number}": inner}
    _write(path, _saved({"deep": inner, **content} if random.random() < 0.5 else {"deep": inner}))


def _another(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    """A deeper network, one without a layer, one with names of its own."""
    names = list(weights)
    kind = int(random.integers(3))
    if kind == 0:
        more = {n.replace("layer2.0.", "layer2.1."): v for n, v in weights.items() if n.startswith("layer2.0.")}
        content = {**weights, **more}
    elif kind == 1:
        gone = _one(weights, random)
        content = {name: weights[name] for name in names if name != gone}
    else:
        content = {f"x{number}.weight": weights[name] for number, name in enumerate(names)}
    _write(path, _saved(content))


def _wrapped(path: Path, weights: Tensors, random: np.random.Generator) -> None:
    """What must load: prefixes, containers, settings beside the weights, other floats."""
    prefix = "".join(random.choice(["module.", "model.", "net.", "my_encoder.", "_orig_mod."], int(random.integers(4))))
    content: Any = {prefix + name: value for name, value in weights.items()}
    for key in random.choice(["state_dict", "model", "ema", "checkpoint", "odd name"], int(random.integers(3))):
        content = {str(key): content, "epoch": 3, "args": argparse.Namespace(lr=0.1), "metric": np.float64(0.5)}
    _write(path, _saved(content, old=random.random() < 0.3))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _new(weights: Tensors) -> bytes:
    return _saved(weights)


def _old(weights: Tensors) -> bytes:
    return _saved(weights, old=True)


ATTACKS: dict[str, Attack] = {
    "bits of a .pth": _bits(_new),
    NO_CHECKSUM[0]: _bits(_safetensors),
    NO_CHECKSUM[1]: _bits(_old),
    "a .pth cut off": _cut(_new),
    "a .safetensors cut off": _cut(_safetensors),
    "an old pickle cut off": _cut(_old),
    "noise": _noise,
    "noise as .safetensors": _noise,
    "code to run": _code,
    "whole, odd or complex numbers": _changed(_number_type),
    "NaN or infinity": _changed(_not_finite),
    "another shape": _changed(_shape),
    "a classifier of billions": _huge_head,
    "an archive that swells": _bomb,
    "loops and depth": _loops,
    "another network": _another,
    "wrapped by a training script": _wrapped,
}


if __name__ == "__main__":
    main()
