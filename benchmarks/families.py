"""What reading layers costs beside the plain forward pass, for a dozen families of timm.

    python benchmarks/families.py [--layers blocks|all] [--rounds 15]

Both run the same copy of the network (`lab.activations.folding`) on the same images. A round is plain, reading,
reading, plain, so that whatever else the machine does meets both alike; the ratio is the median over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

DOZEN = (
    "test_resnet", "test_convnext", "test_efficientnet", "test_vit", "test_nfnet", "test_mambaout", "test_byobnet",
    "regnetx_002", "repghostnet_050", "mixer_s32_224", "cait_xxs24_224", "swin_tiny_patch4_window7_224",
)  # fmt: skip
LIMIT = 1.15


def main() -> None:
    """Print one line per network, and the largest ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=DOZEN, help="timm ids (default: the dozen)")
    parser.add_argument("--layers", default="blocks", help="which layers are read (default blocks)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=5, help="at most so long a network")
    given = parser.parse_args()
    found = {}
    for name in given.names:
        plain, read, layers = measured(name, given.layers, given.rounds, given.seconds)
        ratios = sorted(two / one for one, two in zip(plain, read, strict=True))
        found[name] = statistics.median(ratios)
        print(
            f"{name:32} {layers:4} layers, plain {1e3 * min(plain):7.1f} ms, reading costs {found[name]:.2f} of it "
            f"(middle half {ratios[len(ratios) // 4]:.2f} to {ratios[3 * len(ratios) // 4]:.2f})",
            flush=True,
        )
    above = [name for name, ratio in found.items() if ratio > LIMIT]
    print(f"at most {max(found.values()):.2f}; above {LIMIT}: {', '.join(above) or 'none'}")


def measured(name: str, spec: str, most: int, seconds: float) -> tuple[list[float], list[float], int]:
    """Return the seconds of plain and of reading passes by round, and how many layers were read."""
    import torch

    from lab.activations import Extractor
    from lab.layers import select_layers
    from lab.models import load_model
    from lab.settings import Compute

    model = load_model(f"{name}@untrained")
    extract = Extractor(model, select_layers(model.layers, spec))
    how = model.preprocessing
    images = torch.randn((Compute().images, 3, how.height, how.width)).contiguous(memory_format=torch.channels_last)

    def plain() -> Any:
        return extract.module(images)

    def read() -> Any:
        return extract.read(extract.module, images)

    rounds: list[tuple[float, float]] = []
    started = time.perf_counter()
    with torch.inference_mode():
        for warm in (plain, read):
            _seconds(warm)
        while len(rounds) < most and (len(rounds) < 3 or time.perf_counter() - started < seconds):
            one, two, three, four = (_seconds(run) for run in (plain, read, read, plain))
            rounds.append((one + four, two + three))
    return [one for one, _ in rounds], [two for _, two in rounds], len(extract.layers)


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
