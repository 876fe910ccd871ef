"""Networks of the user's own: any torch module gives the vectors that his own hooks see, and stays as it was."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from no_fields import leave_out_fields
from torch import Tensor, nn

import lab
from lab.cli import main
from lab.embeddings import embed
from lab.errors import LabError
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet
from lab.models import LoadedModel, load_model, ref_of
from lab.models.given_preprocess import as_given
from lab.models.preprocess import Preprocessing, normalised, pixels_for
from lab.settings import Compute
from lab.weights.own_code import ALLOWED_VARIABLE, code_allowed


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


SMALL = Preprocessing(64, 64, "bicubic", 1.0, "center", (0.5,) * 3, (0.5,) * 3)
CPU = Compute("cpu", 4)


class Block(nn.Module):
    """Puts out a tuple, as blocks with attention maps do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return torch.relu(self.norm(self.conv(x))) + x, None


class Own(nn.Module):
    """A network by hand: blocks with tuples, a dictionary at the end, dropout, any number of input channels."""

    def __init__(self, channels: int = 3, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.stem = nn.Conv2d(channels, 8, 3, 2, 1)
        self.blocks = nn.ModuleList(Block(8) for _ in range(2))
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x) * self.scale
        for block in self.blocks:
            x, _ = block(x)
        return {"logits": self.head(self.drop(x.mean((2, 3))))}


class WithToken(nn.Module):
    """A parameter of its own that no reset_parameters draws."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.token = nn.Parameter(torch.ones(1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.token


class SettingItself(WithToken):
    """The same, and it says how it is drawn."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.token)


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return lab.open_image_set("drawn:pets?size=64", per_class=8)


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    """A network whose batch normalisations have seen something, in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = make()
        for child in made.modules():
            if isinstance(child, nn.BatchNorm2d):
                nn.init.normal_(child.running_mean)  # type: ignore[arg-type]
                nn.init.uniform_(child.running_var, 0.5, 2)  # type: ignore[arg-type]
    return made.eval()


def resnet() -> nn.Module:
    from torchvision.models import resnet18

    return resnet18(num_classes=10)


def vit() -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=48, num_hidden_layers=3, num_attention_heads=3, intermediate_size=96, image_size=64, patch_size=16
    )
    model: nn.Module = transformers.ViTModel(config)
    return model


def direct(module: nn.Module, images: ImageSet, name: str, how: Preprocessing) -> np.ndarray:
    """The averages of a layer's positions, by a hook of our own on the user's own module."""
    seen: list[Tensor] = []

    def see(_module: nn.Module, _inputs: Any, output: Any) -> None:
        seen.append(output[0] if isinstance(output, tuple) else output)

    handle = module.get_submodule(name).register_forward_hook(see)
    with torch.inference_mode():
        for index in range(len(images)):
            module(normalised(pixels_for(images, index, how)[None], how))
    handle.remove()
    found = torch.cat(seen)
    if found.dim() == 4:
        return found.mean((2, 3)).numpy()
    return (found[:, 1:].mean(1) if found.dim() == 3 else found).numpy()  # the class token is no place


@pytest.mark.parametrize(
    ("make", "names"),
    [(resnet, ("layer1.1", "layer4.1")), (vit, ("layers.0", "layers.2")), (Own, ("stem", "blocks.0", "blocks.1"))],
)
def test_vectors_are_those_of_direct_hooks(
    make: Callable[[], nn.Module], names: tuple[str, ...], images: ImageSet
) -> None:
    module = seeded(make)
    model = load_model(module, preprocess=SMALL)
    layers = lab.select_layers(model.layers, ",".join(names))
    found = embed(model, images, layers, compute=CPU)
    wanted = {name: direct(module, images, name, SMALL) for name in names}
    off = {
        name: np.abs(found[name] - vectors).max() / max(1.0, np.abs(vectors).max()) for name, vectors in wanted.items()
    }
    assert max(off.values()) <= 1e-6
    assert min(vectors.std(0).max() for vectors in wanted.values()) > 1e-3  # or any constant would do


def test_same_weights_as_timm_same_probe(images: ImageSet) -> None:
    """torchvision's ResNet-18 with the weights of timm's: layers, vectors and probe are those of timm's id."""
    timms = load_model("resnet18@untrained:3")
    module = resnet_with(timms)
    settings = {"layers": ["layer1", "layer3", "layer4"], "controls": "none", "repeats": 1, "compute": CPU}
    one = lab.probe(timms, images, **settings)  # type: ignore[arg-type]
    two = lab.probe(module, images, preprocess=timms.preprocessing, **settings)  # type: ignore[arg-type]
    assert list(one["layers"]["layer"]) == list(two["layers"]["layer"]) == settings["layers"]
    assert np.allclose(one["layers"]["depth"], two["layers"]["depth"])
    probes = [result["summary"].query("layer != ''")["accuracy"].to_numpy() for result in (one, two)]
    assert np.allclose(*probes, atol=1 / len(images))
    assert one.verdict.outcome == two.verdict.outcome


def resnet_with(timms: LoadedModel) -> nn.Module:
    from torchvision.models import resnet18

    module = resnet18()
    module.load_state_dict(timms.module.state_dict())
    return module.eval()


def state(module: nn.Module) -> list[Any]:
    """All that could be left of a probe on somebody's module."""
    hooks = [len(value) for child in module.modules() for key, value in vars(child).items() if key.endswith("_hooks")]
    return [
        [child.training for child in module.modules()],
        [(p.requires_grad, p.grad is None or float(p.grad.sum())) for p in module.parameters()],
        hooks,
        {name: value.clone() for name, value in module.state_dict().items()},
    ]


def test_the_module_stays_as_it_was(images: ImageSet) -> None:
    module = Own().train()
    module.blocks[0].eval()
    module.stem.requires_grad_(False)
    module(torch.rand(2, 3, 64, 64))["logits"].sum().backward()
    module.head.register_forward_hook(lambda *_: None)
    before, random = state(module), torch.get_rng_state()
    lab.probe(module, images, preprocess=SMALL, layers="all", repeats=1, compute=CPU)
    after = state(module)
    assert after[:3] == before[:3]
    assert all(torch.equal(after[3][name], value) for name, value in before[3].items())
    assert torch.equal(torch.get_rng_state(), random)
    with pytest.raises(LabError, match="cannot be run on images of shape"):
        lab.probe(module, images, preprocess=lambda picture: torch.zeros(2, 8, 8))
    assert state(module)[:3] == before[:3]


def test_a_probe_has_its_twin_and_the_usual_tables(images: ImageSet) -> None:
    module = seeded(Own)
    result = lab.probe(module, images, preprocess=SMALL, layers=["stem", "blocks.1"], repeats=1, compute=CPU)
    assert set(result["summary"]["control"]) == {
        "probe", "shuffled", "matched", "untrained", "pixels", "chance",
    }  # fmt: skip
    assert "no untrained twin" not in " ".join(result.manifest["problems"])
    ref = ref_of(module, SMALL)
    twins = [load_model(ref.twin(seed)).module for seed in (0, 0, 1)]
    weights = [twin.state_dict() for twin in twins]
    for name, value in module.state_dict().items():
        assert torch.equal(weights[0][name], weights[1][name])
        if name.endswith("conv.weight") or name == "stem.weight":
            assert not torch.equal(weights[0][name], value)
            assert not torch.equal(weights[0][name], weights[2][name])
    assert float(weights[0]["blocks.0.norm.running_mean"].abs().max()) == 0
    command = result.request.command()
    assert command.startswith("# the network Own came from Python: lab.probe(")
    assert "memory" not in command


def test_where_no_twin_can_be_made_the_probe_goes_on_and_says_why(images: ImageSet) -> None:
    result = lab.probe(WithToken(), images, preprocess=SMALL, layers="all", repeats=1, compute=CPU)
    assert "untrained" not in set(result["summary"]["control"])
    told = "WithToken has no untrained twin: its parameter token (WithToken) is drawn by no reset_parameters"
    assert any(problem.startswith(told) for problem in result.manifest["problems"])
    twin = load_model(ref_of(SettingItself(), SMALL).twin()).module
    assert float(twin.state_dict()["token"].std()) > 0


def test_a_transformers_network_has_a_twin_from_its_configuration() -> None:
    module = vit()
    twin = load_model(ref_of(module, SMALL).twin(4)).module
    assert type(twin) is type(module)
    name = "layers.1.attention.q_proj.weight"
    assert not torch.equal(twin.state_dict()[name], module.state_dict()[name])
    assert abs(float(twin.state_dict()[name].std()) / float(module.state_dict()[name].std()) - 1) < 0.2


def test_attention_blocks_of_transformers_are_layers() -> None:
    """Their outputs are tuples and objects: the tensor in them is what is read."""
    model = load_model(vit(), preprocess=SMALL)
    names = {layer.name: layer for layer in model.layers}
    assert [layer.name for layer in lab.select_layers(model.layers, "blocks") if layer.kind == "block"] == [
        f"layers.{k}" for k in range(3)
    ]
    assert (names["layers.0.attention"].layout, names["layers.0.attention"].channels) == ("NLC", 48)
    assert names["layers.2"].prefix_tokens == 1


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_input_channels(channels: int, images: ImageSet) -> None:
    def several(picture: Any) -> Tensor:
        gray = torch.as_tensor(np.array(picture.convert("L").resize((32, 32))), dtype=torch.float32) / 255
        return torch.stack([gray**k for k in range(1, channels + 1)])

    module = seeded(lambda: Own(channels))
    model = load_model(module, preprocess=several)
    assert model.preprocessing.input_size == (channels, 32, 32)
    found = embed(model, images, lab.select_layers(model.layers, "stem"), compute=CPU)["stem"]
    from PIL import Image

    with torch.inference_mode():
        wanted = module.stem(several(Image.fromarray(images.pixels(3)))[None]).mean((2, 3))[0]  # type: ignore[operator]
    assert np.allclose(found[3], wanted.numpy(), atol=1e-6)


def test_gray_networks_see_brightness(images: ImageSet) -> None:
    how = Preprocessing(64, 64, "bicubic", 1.0, "center", (0.5,), (0.5,), channels=1)
    pixels = pixels_for(images, 0, how)
    assert tuple(pixels.shape) == (1, 64, 64)
    from PIL import Image

    wanted = np.asarray(Image.fromarray(images.pixels(0)).convert("L"), dtype=float)
    assert np.abs(pixels[0].numpy().astype(float) - wanted).max() <= 1


def test_other_code_with_the_same_weights_is_another_network(images: ImageSet) -> None:
    one, two = seeded(Own), seeded(lambda: Own(scale=2.0))
    two.load_state_dict(one.state_dict())
    assert ref_of(one, SMALL) != ref_of(two, SMALL)
    assert ref_of(one, SMALL) == ref_of(one, SMALL)
    halves = [load_model(module, preprocess=SMALL) for module in (one, two)]
    layers = lab.select_layers(halves[0].layers, "stem,blocks.0")
    found = [embed(model, images, layers, compute=CPU)["blocks.0"] for model in halves]
    assert np.abs(found[0] - found[1]).max() > 1e-3


class Random:
    """A transform of training."""

    def __call__(self, picture: Any) -> Tensor:
        return torch.rand(3, 8, 8)


@pytest.mark.parametrize(
    ("preprocess", "told"),
    [
        (Random(), "something else of the same image each time"),
        (lambda picture: picture, "returned an Image; it must return a tensor"),
        (lambda picture: torch.zeros(8, 8), r"shape \(8, 8\); it must be \(channels, height, width\)"),
        (lambda picture: 1 / 0, "failed on an RGB image with ZeroDivisionError"),
        (lambda picture: torch.zeros(3, picture.height, 8), "images of several sizes"),
        ("imagenet", "preprocess is a str; give lab.Preprocessing"),
    ],
)
def test_a_preprocess_that_cannot_be_used_is_told(preprocess: Any, told: str) -> None:
    with pytest.raises(LabError, match=told):
        load_model(Own(), preprocess=preprocess)


def test_what_is_guessed_is_said_and_what_cannot_be_is_refused(images: ImageSet) -> None:
    model = load_model(vit())
    assert model.preprocessing.input_size == (3, 64, 64)
    assert "no preprocess was given" in model.notes[0]
    with pytest.raises(LabError, match="takes 5 channels, and an image has 3; give preprocess"):
        load_model(Own(5))
    with pytest.raises(LabError, match="made by a function"):
        pixels_for(images, 0, load_model(Own(), preprocess=lambda picture: torch.zeros(3, 8, 8)).preprocessing)
    with pytest.raises(LabError, match="brings its own preprocess"):
        load_model("test_resnet@untrained", preprocess=SMALL)


def test_half_precision_is_read_as_float32(images: ImageSet) -> None:
    model = load_model(Own().half(), preprocess=SMALL)
    assert "float16 were read as float32" in " ".join(model.notes)
    assert embed(model, images, model.layers[:1], compute=CPU)[model.layers[0].name].dtype == np.float32


def test_images_and_modules_of_another_process_are_told(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="was a network in the memory of another process"):
        load_model("Own@python:0123456789abcdef")
    with pytest.raises(LabError, match="images mine were in the memory of a Python process"):
        lab.open_image_set("memory:mine#0123")


NET = """
import torch
from torch import nn
import numpy as np
import beside

def build():
    {effect}
    torch.manual_seed(7)
    net = nn.Sequential(nn.Conv2d(3, beside.WIDTH, 3, 2), nn.ReLU(), nn.Conv2d(4, 6, 3, 2), nn.Flatten(1))
    net.append(nn.Linear(294, 2))
    return net, lambda picture: torch.tensor(np.array(picture.resize((32, 32)))).permute(2, 0, 1) / 255

def nothing():
    return 3

def fails():
    raise ValueError("no weights here")
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("WIDTH = 4\n")
    path = tmp_path / "net.py"
    path.write_text(NET.format(effect=f"open({str(tmp_path / 'ran')!r}, 'w').close()"))
    return path


def asked(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def test_a_file_is_run_only_where_it_was_allowed(net: Path, tmp_path: Path) -> None:
    model = f"module:{net}:build"
    other = tmp_path / "other.py"
    other.write_text("")
    for more in ((), ("--allow-code", str(other))):
        code, _, told = asked("layers", model, *more)
        assert code == 2
        assert "is code, which is run only where it was allowed: add --allow-code" in told
        assert len(told.splitlines()) == 1
    with pytest.raises(LabError, match="is code"):
        lab.probe(model)
    assert not (tmp_path / "ran").exists()
    code, out, told = asked("layers", model, "--layers", "all", "--json", "--allow-code", str(net))
    assert code == 0, told
    assert [row["name"] for row in json.loads(out)] == ["0", "1", "2", "3", "4"]
    assert (tmp_path / "ran").exists()
    assert ALLOWED_VARIABLE not in os.environ
    with code_allowed([net]), pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_ON_NETWORK", "1")
        with pytest.raises(LabError, match="a dashboard that others reach runs none"):
            load_model(model)


def test_a_network_of_a_file_is_probed_with_its_twin(net: Path) -> None:
    arguments = ("--data", "drawn:pets?size=64", "--per-class", "8", "--layers", "0,2", "--repeats", "1", "--json")
    code, out, told = asked("probe", f"--model=module:{net}:build", *arguments, "--allow-code", str(net))
    assert code == 0, told
    found = json.loads(out)
    assert found["models"][0]["model"] == f"module:{net}:build@code"
    assert "untrained" in found["models"][0]["layers"][0]["controls"]
    command = ProbeRequest.from_dict(found["request"]).command()
    assert command.endswith(f"--allow-code={net}")
    code, again, _ = asked(*shlex.split(command)[1:], "--json")
    assert (code, json.loads(again)) == (0, found)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nothing", "returned an int; it must return a torch.nn.Module"),
        ("fails", "failed with ValueError: no weights here"),
        ("biuld", "has no function 'biuld'; nearest: build"),
        ("", "names no factory; write module:path/to/file.py:function"),
    ],
)
def test_factories_that_make_no_network_are_told(name: str, told: str, net: Path) -> None:
    with code_allowed([net]), pytest.raises(LabError, match=told):
        load_model(f"module:{net}:{name}")


def test_arrays_of_any_channels_are_given_as_they_are() -> None:
    """A planted difference in a fourth channel that no picture shows is found, and the pixels know nothing of it."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    arrays = rng.normal(size=(60, 4, 16, 16)).astype(np.float32)
    arrays[:, 3] *= (1 + 7 * y)[:, None, None]
    module = seeded(lambda: Own(4))
    images = lab.images_of_arrays(torch.from_numpy(arrays), y, classes=("calm", "wild"))
    result = lab.probe(module, images, layers="all", repeats=1, compute=CPU)
    assert images.classes == ("calm", "wild")
    summary = result["summary"].set_index("control")["accuracy"]
    assert summary["probe"].max() > 0.9
    assert summary["pixels"] < 0.75
    model = load_model(ref_of(module, as_given((4, 16, 16))))
    found = embed(model, images, lab.select_layers(model.layers, "blocks.1"), compute=CPU)["blocks.1"]
    seen: list[Tensor] = []
    handle = module.get_submodule("blocks.1").register_forward_hook(lambda _m, _i, output: seen.append(output[0]))
    with torch.inference_mode():
        module(torch.from_numpy(arrays))
    handle.remove()
    assert np.abs(found - seen[0].mean((2, 3)).numpy()).max() <= 1e-5
    assert lab.probe(module, (arrays, y), layers="stem", controls="none", repeats=1).verdict.outcome
    with pytest.raises(LabError, match=r"arrays of shape \(4, 16, 16\), and the images of drawn:pets.* are pictures"):
        embed(model, lab.open_image_set("drawn:pets", per_class=2), model.layers[:1], compute=CPU)


@pytest.mark.parametrize(
    ("arrays", "labels", "told"),
    [
        (np.zeros((4, 3, 8)), [0, 1, 0, 1], r"they must be numbers \(N, C, H, W\)"),
        (np.zeros((4, 3, 8, 8), object), [0, 1, 0, 1], "type object"),
        (np.zeros((4, 3, 8, 8)), [0, 1, 0], "3 labels for 4 images"),
        (np.full((4, 3, 8, 8), np.nan), [0, 1, 0, 1], "image 0 holds NaN"),
        (np.zeros((4, 3, 8, 8)), [0, 0, 0, 0], "same label"),
        (np.zeros((4, 3, 8, 8)), [0.5, 1, 0, 1], "whole numbers or text"),
        (np.zeros((4, 3, 8, 8)), [[0, 1], [1, 0], [0, 1], [1, 0]], "whole numbers or text"),
    ],
)
def test_arrays_that_are_no_images_are_told(arrays: np.ndarray, labels: Any, told: str) -> None:
    with pytest.raises(LabError, match=told):
        lab.images_of_arrays(arrays, labels)


def test_arrays_have_numbers_grades_or_labels() -> None:
    """The contrast of noise, planted, is read as a number, as a grade and as two labels; nothing is known of shuffled
    contrasts."""
    rng = np.random.default_rng(0)
    contrast = rng.uniform(0.5, 2, 60)
    arrays = rng.normal(size=(60, 3, 16, 16)) * contrast[:, None, None, None]
    module, quick = seeded(lambda: Own(3)), {"layers": "all", "controls": "none", "repeats": 1, "compute": CPU}
    number = lab.regress(module, (arrays, contrast), label="contrast", **quick)
    assert number["summary"]["r2"].max() > 0.6
    assert "contrast" in number.findings[0]
    assert lab.regress(module, (arrays, rng.permutation(contrast)), **quick)["summary"]["r2"].max() < 0.2
    names = np.array(["low", "middle", "high"])[np.digitize(contrast, (1, 1.5))]
    grades = lab.grades(module, (arrays, names), order="low,middle,high", **quick)
    assert grades["summary"]["kappa"].max() > 0.5
    several = lab.multilabel(module, (arrays, np.stack([contrast > 1, contrast > 1.5], 1)), **quick)
    assert several["labels"]["auc"].max() > 0.9


def test_groups_may_be_listed_with_arrays() -> None:
    """Copies that straddle folds are read off by a label that means nothing; with their groups they are not."""
    rng = np.random.default_rng(1)
    once = rng.normal(size=(20, 3, 16, 16))
    arrays = np.repeat(once, 4, axis=0) * rng.uniform(0.9, 1.1, (80, 1, 1, 1))
    y, groups = np.repeat(rng.permutation(np.arange(20) % 2), 4), [f"picture {k // 4}" for k in range(80)]
    module, quick = seeded(lambda: Own(3)), {"layers": "all", "controls": "none", "repeats": 1, "compute": CPU}
    alone = lab.probe(module, lab.images_of_arrays(arrays, y, groups=range(80)), **quick)
    apart = lab.probe(module, (arrays, y), groups=groups, **quick)
    assert apart["images"]["group"].nunique() == 20
    assert alone["summary"]["accuracy"].max() > apart["summary"]["accuracy"].max() + 0.1
    halves = lab.probe(module, (arrays, y), groups=[k % 8 // 4 for k in range(80)], **quick)  # one group to learn from
    assert halves["summary"]["accuracy"].between(0, 1).all()


def test_other_questions_take_an_own_module() -> None:
    """Its output is a dictionary and its blocks put out tuples: attribution needs one tensor of scores."""
    module = seeded(Own)
    found = lab.ask("attribute", model=load_model(module, preprocess=SMALL), target="2", checks=False, compute=CPU)
    told = re.search(r"score for class 2 is explained \(probability ([\d.]+)\)", found.findings[0])
    assert told
    assert load_model(module, preprocess=SMALL).card.classifier_classes == 3
    with pytest.raises(LabError, match="puts out no classes"):
        lab.ask("attribute", model=load_model(vit(), preprocess=SMALL), target="2", compute=CPU)
