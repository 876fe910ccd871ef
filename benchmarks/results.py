"""Do all questions still answer the same? Every question of the registry, asked small, and its tables as hashes.

    python benchmarks/results.py --out before.json        # on the old code
    python benchmarks/results.py --against before.json    # on the new code: names every table that differs

Columns that hold measured time or speed are left out; everything else must be equal to the last bit at the same
number of threads. Names that questions had in earlier versions are known.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

NETWORK = {"model": "test_resnet@untrained:1"}
SET = {"data": "drawn:shapes", "per_class": 8}
# Fields that make a question small; what is left out is as usual.
SMALL: dict[str, dict[str, Any]] = {
    "probe": {"models": ("test_resnet@untrained:1",), **SET, "repeats": 2},
    "compare": {"models": ("test_resnet@untrained:1", "test_vit@untrained:1"), **SET, "repeats": 1, "layers": "stages"},
    "filter": NETWORK,
    "sizes": NETWORK,
    "field": {**NETWORK, "layers": "stages", "draws": 4},
    "break": {**NETWORK, **SET, "only": "drop,permute,cut"},
    "late_layers_only": {**NETWORK, **SET},
    "without_activations": {**NETWORK, **SET},
    "concatenation": {**NETWORK, **SET, "layers": "stages", "dimension": 8},
    "collapse": {"model": "test_efficientnet@untrained:1", "most": 31},
    "width_vs_depth": {
        "tasks": "orientation", "parameters": 10_000, "size": 32, "per_class": 20, "test_per_class": 20, "seen": 300,
        "seeds": 2,
    },
    "train": {"data": "drawn:shapes", "per_class": 30, "size": 32, "epochs": 1, "name": "small"},
    "watch": {"model": "test_resnet@lab:small", "layers": "stages"},
    "attribute": {**NETWORK, "layers": "stages", "method": "gradcam,saliency,ig", "steps": 8},
    "attribution_score": {**NETWORK, "method": "gradcam,saliency", "images": 6, "per_class": 8},
    "exemplars": {**NETWORK, **SET},
    "visualize": {**NETWORK, **SET, "layers": "layer2", "channels": "3", "steps": 8, "size": 64},
    "channel": {**NETWORK, **SET, "steps": 8, "size": 64},
    "depth_strip": {**NETWORK, **SET, "steps": 8, "size": 64},
    "kernels": NETWORK,
    "edges": {"seeds": 2, "epochs": 2},
    "thumbnail": {**NETWORK, **SET, "per_class": 12},
    "factors": {**NETWORK, **SET, "per_class": 20},
    "tuning": {**NETWORK, "draws": 4},
    "inversion": {**NETWORK, "layers": "layer1,layer2", "steps": 8, "starts": 2},
}  # fmt: skip
MEASURED = ("second", "rate", "memory", "speed", "_mb", "rounds")  # parts of names of columns that hold time or space


def asked(name: str, kind: type[Any]) -> Any:
    """Return the small request of a question."""
    return kind(**SMALL.get(name, {}))


def table_hash(table: pd.DataFrame) -> str:
    """Return the SHA-256 of a table's values, columns of measured time left out."""
    kept = table[[column for column in table.columns if not any(part in str(column) for part in MEASURED)]]
    found = hashlib.sha256()
    for column in kept.columns:
        found.update(str(column).encode())
        for value in kept[column].tolist():
            found.update(value if isinstance(value, bytes) else repr(value).encode())
    return found.hexdigest()[:16]


def main() -> int:
    """Ask every question and print, keep or compare the hashes of its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--only", default="", help="names of questions with commas between them")
    given = parser.parse_args()
    from lab.progress import silent
    from lab.registry import ALIASES, EXPERIMENTS
    from lab.settings import Compute

    found: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as home:
        import os

        os.environ["FEATURE_LAB_HOME"] = home
        for name, row in EXPERIMENTS.items():
            if given.only and name not in given.only.split(","):
                continue
            request = asked(name, row.request_type).canonical()
            result = row.run(request, progress=silent, compute=Compute("cpu"), partial_results={})
            found[name] = {table: table_hash(values) for table, values in result.tables.items()}
            print(f"{name}: {len(found[name])} tables", file=sys.stderr)
    text = json.dumps(found, indent=1)
    given.out.write_text(text) if given.out else print(text)
    if not given.against:
        return 0
    before = {ALIASES.get(name, name): tables for name, tables in json.loads(given.against.read_text()).items()}
    differing = [
        f"{name}/{table}"
        for name, tables in before.items()
        for table in {*tables, *found.get(name, {})}
        if tables.get(table) != found.get(name, {}).get(table)
    ]
    print(f"{sum(map(len, before.values()))} tables before; different: {', '.join(sorted(differing)) or 'none'}")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
