"""What every timm architecture weighs: parameters, and operations of one image, in lab/models/architectures.csv.

    python benchmarks/architectures.py --seconds 80     # goes on where it stopped; repeat until it says it is done

Networks are built and run on torch's meta device, which holds no numbers: shapes are all that is needed, so the
largest cost no more memory than the smallest. FLOPs count a multiply-add as two (`torch.utils.flop_counter`).
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import warnings
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parent.parent / "lab" / "models" / "architectures.csv"
COLUMNS = ("name", "family", "parameters", "flops", "input_size")


def main() -> None:
    """Measure what is not measured yet, for at most `--seconds`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=80)
    parser.add_argument("--notes", type=Path, default=Path("architectures.jsonl"), help="what was measured so far")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.notes.read_text().splitlines()] if given.notes.exists() else []
    done = {row["name"] for row in rows}
    began = time.monotonic()
    import timm

    names = timm.list_models()
    with given.notes.open("a") as notes:
        for name in names:
            if name in done:
                continue
            if time.monotonic() - began > given.seconds:
                break
            row = measured(name)
            rows.append(row)
            notes.write(json.dumps(row) + "\n")
            notes.flush()
    write(rows)
    print(f"{len(rows)} of {len(names)}" + (", done" if len(rows) >= len(names) else ""))


def measured(name: str) -> dict[str, Any]:
    """Return the row of one architecture; flops is None where it cannot run without numbers."""
    import timm
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")
        try:
            module = timm.create_model(name).eval()
        except Exception as error:
            return {"name": name, "error": f"{type(error).__name__}: {error}"[:200]}
        size = module.default_cfg.get("input_size") or (3, 224, 224)
        row: dict[str, Any] = {
            "name": name,
            "family": timm.models._registry._model_to_module[name],
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
            "flops": None,
            "input_size": "x".join(map(str, size)),
        }
        try:
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                module(torch.empty(1, *size))
            row["flops"] = counter.get_total_flops()
        except Exception as error:
            row["error"] = f"{type(error).__name__}: {error}"[:200]
    return row


def write(rows: list[dict[str, Any]]) -> None:
    """Write the table, one row per architecture that could be built."""
    built = sorted((row for row in rows if "parameters" in row), key=lambda row: row["name"])
    with TABLE.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(built)


if __name__ == "__main__":
    main()
