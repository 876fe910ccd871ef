"""The packages that people bring networks and images with, as they are: open_clip's towers, webdataset's shards."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lab
from lab.embeddings import embed
from lab.images import ImageSet
from lab.models import load_model
from lab.settings import Compute

CPU = Compute("cpu", 4)
TINY = {  # of a tower; without weights, as none can be downloaded
    "vit": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16, "patch_size": None},
}
LAYERS = {"vit": ["transformer.resblocks.0", "transformer.resblocks.1"], "resnet": ["layer2", "layer4"]}


def tower(kind: str) -> nn.Module:
    open_clip = pytest.importorskip("open_clip")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        text = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
        model = open_clip.CLIP(embed_dim=32, vision_cfg=TINY[kind], text_cfg=text)
    found: nn.Module = model.visual.eval()
    return found


def hooked(module: nn.Module, names: list[str], batch: Tensor) -> dict[str, Tensor]:
    seen: dict[str, Tensor] = {}
    handles = [
        module.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, out))
        for name in names
    ]
    with torch.inference_mode():
        module(batch)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("kind", TINY)
def test_a_tower_of_open_clip_is_read_as_by_direct_hooks(kind: str) -> None:
    open_clip = pytest.importorskip("open_clip")
    from PIL import Image

    visual = tower(kind)
    preprocess = open_clip.image_transform(64, is_train=False)
    images = lab.open_image_set("drawn:pets?size=64", per_class=4)
    model = load_model(visual, preprocess=preprocess)
    layers = lab.select_layers(model.layers, ",".join(LAYERS[kind]))
    found = embed(model, images, layers, compute=CPU)
    batch = torch.stack([preprocess(Image.fromarray(images.pixels(k))) for k in range(len(images))])
    for name, output in hooked(visual, LAYERS[kind], batch).items():
        # (N, tokens, C) of a transformer, of which the class token is no place; (N, C, H, W) of a ResNet
        wanted = (output[:, 1:].mean(1) if output.ndim == 3 else output.mean((2, 3))).numpy()
        assert np.abs(found[name] - wanted).max() <= 1e-6 * max(1.0, np.abs(wanted).max()), name
    result = lab.probe(
        visual, images, preprocess=preprocess, layers=LAYERS[kind], controls="none", repeats=1, compute=CPU
    )
    assert result["summary"].query("control == 'probe'")["layer"].tolist() == LAYERS[kind]
    assert not any(child._forward_hooks for child in visual.modules())


def written(images: ImageSet, folder: Path) -> list[list[str]]:
    """Write shards with webdataset's own writer, three images each; return names, classes of all."""
    wds = pytest.importorskip("webdataset")
    from PIL import Image

    rows = []
    with wds.ShardWriter(str(folder / "pets-%03d.tar"), maxcount=5, verbose=0) as sink:
        for index, record in enumerate(images.records):
            name, data = images.classes[record.label], io.BytesIO()
            Image.fromarray(images.pixels(index)).save(data, "PNG")
            site = f"site{index % 2}"
            about = {"site": site, "shape": name}
            sink.write({"__key__": f"{index:04d}", "png": data.getvalue(), "cls": record.label, "json": about})
            rows.append([f"{index:04d}", name, site])
    return rows


@pytest.mark.filterwarnings("ignore")
def test_shards_of_webdataset_have_equal_labels_and_pixels(tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    drawn = lab.open_image_set("drawn:shapes?size=32", per_class=6)
    rows = written(drawn, tmp_path)
    spec = f"{tmp_path}/pets-{{000..002}}.tar"
    images = lab.open_image_set(spec)
    theirs = wds.WebDataset(spec, shardshuffle=False).decode("rgb8").to_tuple("__key__", "png", "cls", "json")
    read = {key: (np.asarray(picture), str(label), about) for key, picture, label, about in theirs}
    assert len(images) == len(read) == len(rows) == 12
    shapes = lab.open_image_set(f"{spec}?label=shape&factors=site")
    for index, record in enumerate(images.records):
        picture, label, about = read[record.id.rpartition("/")[2]]
        assert images.classes[record.label] == label
        assert shapes.classes[shapes.records[index].label] == about["shape"]
        assert shapes.factor("site")[index] == about["site"]
        assert np.array_equal(images.pixels(index), picture)
