"""A network of one's own cut at a layer: every file finds what the module itself finds, and the module is untouched."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import lab
from lab.cli.main import main
from lab.errors import LabError
from lab.models import Preprocessing
from lab.settings import Compute

SIDE = 32
CPU = Compute("cpu", 4)
CODE = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x))) + x, None


class Own(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.stem = nn.Conv2d(channels, 8, 3, 2, 1)
        self.blocks = nn.ModuleList(Block(8) for _ in range(2))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x, _ = block(x)
        return {"logits": self.head(x.mean((2, 3)))}


def build():
    return Own().eval()
"""
NAMES: dict[str, Any] = {"__name__": "own_network"}
exec(compile(CODE, "own_network.py", "exec"), NAMES)  # the same code as the file that the command line is given
HOW = Preprocessing(SIDE, SIDE, "bicubic", 1.0, "center", (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))


def made(channels: int = 3, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NAMES["Own"](channels).eval()  # type: ignore[no-any-return]


def hooked(module: nn.Module, layer: str, inputs: Tensor) -> np.ndarray:
    seen: list[Tensor] = []
    handle = module.get_submodule(layer).register_forward_hook(lambda _m, _i, output: seen.append(output[0]))
    with torch.inference_mode():
        module(inputs)
    handle.remove()
    return seen[0].mean((2, 3)).numpy()


def answers(folder: Path, pixels: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Probabilities and embedding of the TorchScript and the ONNX file."""
    import onnxruntime

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch prefers its newer format
        script = torch.jit.load(folder / "backbone.torchscript.pt")(pixels)
    session = onnxruntime.InferenceSession(folder / "backbone.onnx", providers=["CPUExecutionProvider"])
    return [tuple(part.numpy() for part in script), tuple(session.run(None, {"pixels": pixels.numpy()}))]  # type: ignore[return-value]


@pytest.mark.parametrize("channels", [3, 4])
def test_every_file_finds_what_a_hook_finds(channels: int, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    rng, module = np.random.default_rng(0), made(channels)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    arrays, y = rng.random((24, channels, SIDE, SIDE), dtype=np.float32), np.arange(24) % 2
    arrays[:, 0] += y[:, None, None].astype(np.float32)
    images = lab.images_of_arrays(arrays, y)
    result = lab.probe(module, images, layers="blocks.0", controls="none", repeats=1, compute=CPU)
    with pytest.raises(LabError, match="came from Python and are not kept"):
        lab.export_backbone(result, tmp_path / "none")
    out = tmp_path / "cut"
    paths = lab.export_backbone(result, out, onnx=True, images=images, compute=CPU)
    assert {path.name for path in paths} >= {"backbone.onnx", "backbone.torchscript.pt", "backbone.safetensors"}
    wanted = hooked(module, "blocks.0", torch.from_numpy(arrays))
    for probabilities, embedding in answers(out, torch.from_numpy(arrays)):
        assert np.abs(embedding - wanted).max() <= 1e-4 * max(1.0, np.abs(wanted).max())
        assert (probabilities.argmax(axis=1) == y).mean() > 0.9
    loaded = lab.load_backbone(out, network=made(channels, seed=9))  # other weights, until the file's are in it
    with torch.inference_mode():
        probabilities, embedding = loaded.module(torch.from_numpy(arrays))
    assert np.abs(embedding.numpy() - wanted).max() <= 1e-5 * max(1.0, np.abs(wanted).max())
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert not any(child._forward_hooks for child in module.modules())
    about = json.loads((out / "backbone.json").read_text())
    assert not [name for name in about["tensors"] if "head" in name or "blocks.1" in name]
    run = subprocess.run([sys.executable, "-W", "ignore", "example.py"], cwd=out, capture_output=True, text=True)
    assert run.stdout.startswith("{'0': "), run.stderr


def test_pictures_go_through_the_settings_or_the_function_it_had(tmp_path: Path) -> None:
    images, module = lab.open_image_set(f"drawn:pets?size={SIDE}", per_class=8), made()
    for index in range(2):
        Image.fromarray(images.pixels(index)).save(tmp_path / f"{index}.png")
    pictures = [tmp_path / "0.png", tmp_path / "1.png"]

    def own(picture: Any) -> Tensor:
        return torch.from_numpy(np.asarray(picture.resize((SIDE, SIDE)), dtype=np.float32)).permute(2, 0, 1) / 100 - 1

    for name, preprocess in (("settings", HOW), ("function", own)):
        result = lab.probe(
            module, images, preprocess=preprocess, layers="blocks.1", controls="none", repeats=1, compute=CPU
        )
        lab.export_backbone(result, tmp_path / name, torchscript=False, compute=CPU)
        loaded = lab.load_backbone(
            tmp_path / name, network=made(seed=3), preprocess=own if name == "function" else None
        )
        (wanted,) = result.embeddings().values()
        assert np.abs(loaded.embed(pictures) - wanted[:2]).max() <= 1e-4 * max(1.0, np.abs(wanted).max())


def test_the_command_line_exports_a_file_s_network_where_that_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "net.py"
    file.write_text(CODE)
    allow = ["--allow-code", str(file)]
    words = ["--model", f"module:{file}:build", "--data", "drawn:shapes?size=32", "--per-class", "8"]
    words += ["--layers=blocks.0", "--controls=none", "--repeats=1"]
    assert main(["probe", *words, "--out", str(tmp_path / "run"), *allow]) == 0
    capsys.readouterr()
    assert main(["export-backbone", str(tmp_path / "run"), "--out", str(tmp_path / "cut")]) == 2
    assert "is code, which is run only where it was allowed" in capsys.readouterr().err
    assert main(["export-backbone", str(tmp_path / "run"), "--out", str(tmp_path / "cut"), *allow]) == 0
    assert {path.name for path in (tmp_path / "cut").iterdir()} >= {"backbone.safetensors", "backbone.torchscript.pt"}
    with pytest.raises(LabError, match="a network of your own: give a module of its code"):
        lab.load_backbone(tmp_path / "cut")
    loaded = lab.load_backbone(tmp_path / "cut", network=made(seed=5))
    assert loaded.layer == "blocks.0"
    assert json.loads((tmp_path / "cut" / "backbone.json").read_text())["torchscript"].startswith(
        "equal to the network"
    )
