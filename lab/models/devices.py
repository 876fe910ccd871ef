"""Which device a network runs on."""

from __future__ import annotations

from lab.errors import LabError


def pick_device(name: str) -> str:
    """Return a device torch can use: "auto" is the first CUDA device if there is one, else "cpu".

    Raises LabError when the device is not on this machine.
    """
    import torch

    cuda = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if cuda else "cpu"
    kind, _, number = name.partition(":")
    there = {
        "cpu": not number,
        "cuda": cuda and (not number or (number.isdecimal() and int(number) < torch.cuda.device_count())),
        "mps": torch.backends.mps.is_available() and not number,
    }
    if not there.get(kind, False):
        raise LabError(f"there is no device {name!r} here; use auto, cpu{', cuda' if cuda else ''}")
    return name
