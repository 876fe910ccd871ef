"""What reading every block costs beside the plain forward pass, for a dozen families of timm.

    python benchmarks/families.py [--rounds 15]

Both run the same copy of the network (`lab.activations.faster`) on the same images, in turn; the ratio is that of the
fastest rounds, which a busy machine disturbs least, with that of the medians beside it.
"""

from __future__ import annotations

import argparse
import statistics
import time

DOZEN = (
    "test_resnet", "test_convnext", "test_efficientnet", "test_vit", "test_nfnet", "test_mambaout", "test_byobnet",
    "regnetx_002", "repghostnet_050", "mixer_s32_224", "cait_xxs24_224", "swin_tiny_patch4_window7_224",
)  # fmt: skip
BATCH = 8


def main() -> None:
    """Print one line per network, and the largest ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=5, help="at most so long a network")
    given = parser.parse_args()
    ratios = []
    for name in DOZEN:
        plain, read = rounds(name, given.rounds, given.seconds)
        best, usual = min(read) / min(plain), statistics.median(read) / statistics.median(plain)
        ratios.append(best)
        print(
            f"{name:32} {BATCH / min(plain):8.1f} images/s plain, reading {best:.2f} (median {usual:.2f})", flush=True
        )
    print(f"at most {max(ratios):.2f} of the plain forward pass")


def rounds(name: str, most: int, seconds: float) -> tuple[list[float], list[float]]:
    """Return seconds of plain and reading passes, in turn."""
    import torch

    from lab.activations import Extractor
    from lab.layers import receptive, select_layers
    from lab.models import load_model

    receptive.measure = lambda _module, layers, _size: {layer.name: receptive.UNKNOWN for layer in layers}
    model = load_model(f"{name}@untrained")
    extract = Extractor(model, select_layers(model.layers, "blocks"))
    how = model.preprocessing
    batch = torch.randn((BATCH, 3, how.height, how.width)).contiguous(memory_format=torch.channels_last)
    plain: list[float] = []
    read: list[float] = []
    started = time.perf_counter()
    with torch.inference_mode():
        extract.module(batch)
        while len(plain) < most and (len(plain) < 3 or time.perf_counter() - started < seconds):
            began = time.perf_counter()
            extract.module(batch)
            between = time.perf_counter()
            extract.read(extract.module, batch)
            plain.append(between - began)
            read.append(time.perf_counter() - between)
    return plain, read


if __name__ == "__main__":
    main()
