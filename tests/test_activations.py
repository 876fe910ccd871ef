"""Reading activations: the right values, nothing left behind, one thread at a time; pooling by hand; folded copies."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from no_fields import leave_out_fields
from torch import Tensor, nn

from lab.activations import Extractor, check_pooling, keep, pool, record
from lab.activations.folding import faster_copy, fold_normalisation
from lab.activations.pooling import dimension
from lab.errors import LabError
from lab.layers import Layer, select_layers
from lab.layers.table import layer_table
from lab.models import LoadedModel, load_model
from lab.models.preprocess import normalised


@pytest.fixture(autouse=True)
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_fields(monkeypatch)


@pytest.fixture(scope="module")
def lite() -> LoadedModel:
    patch = pytest.MonkeyPatch()
    leave_out_fields(patch)
    try:
        return load_model("tf_efficientnet_lite0")
    finally:
        patch.undo()


def pixels(count: int, side: int = 224) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


def plain_hooks(module: nn.Module, names: list[str], images: Tensor) -> dict[str, Tensor]:
    """The reference: one hook a module, copies kept."""
    taken: dict[str, Tensor] = {}
    handles = []
    for name in names:
        hook = lambda _m, _i, out, name=name: taken.update({name: out.clone()})  # noqa: E731
        handles.append(module.get_submodule(name).register_forward_hook(hook))
    with torch.no_grad():
        module(images)
    for handle in handles:
        handle.remove()
    return taken


class Overwriting(nn.Module):
    """Its first layer's output is overwritten at once, as raw normalisations in a ResNet are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = self.act(y)
        z += 1
        return self.last(self.drop(z))


@pytest.fixture
def overwriting() -> tuple[Overwriting, tuple[Layer, ...]]:
    torch.manual_seed(0)
    module = Overwriting()
    return module, layer_table(module, (3, 8, 8))[0]


def test_values_are_taken_before_they_are_overwritten(overwriting: tuple[Overwriting, tuple[Layer, ...]]) -> None:
    module, layers = overwriting
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad(), record(module, layers, keep) as taken:
        module(images)
    with torch.no_grad():
        first = module.conv(images)
    torch.testing.assert_close(taken["conv"], first)
    torch.testing.assert_close(taken["act"], first.clamp(min=0))
    assert (first < 0).any()
    with torch.no_grad(), record(module, layers, lambda x, layer: pool(x, layer, "avg")) as taken:
        module(images)
    torch.testing.assert_close(taken["conv"], first.mean((2, 3)))


def test_hooks_and_modes_are_as_before(overwriting: tuple[Overwriting, tuple[Layer, ...]]) -> None:
    module, layers = overwriting
    module.train()
    module.drop.eval()
    modes = [child.training for child in module.modules()]
    with record(module, layers):
        assert not any(child.training for child in module.modules())
        module(torch.randn(2, 3, 8, 8))
    with pytest.raises(RuntimeError, match="channels"), record(module, layers):
        module(torch.randn(2, 5, 8, 8))
    assert [child.training for child in module.modules()] == modes
    assert not any(child._forward_hooks for child in module.modules())


def test_a_failing_reduction_leaves_nothing(overwriting: tuple[Overwriting, tuple[Layer, ...]]) -> None:
    module, layers = overwriting

    def fails(x: Tensor, layer: Layer) -> Tensor:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), record(module, layers, fails):
        module(torch.randn(2, 3, 8, 8))
    assert not any(child._forward_hooks for child in module.modules())


def test_recording_keeps_gradients() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    layers, _ = layer_table(module, (3, 8, 8))
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    with record(module, layers) as taken:
        module(images)
    taken["0"].sum().backward()
    torch.testing.assert_close(images.grad, module[0].weight.sum(0)[None].expand_as(images))


def test_a_layer_of_another_network(overwriting: tuple[Overwriting, tuple[Layer, ...]]) -> None:
    with pytest.raises(LabError, match="no layer 'conv'"), record(nn.Linear(2, 2), overwriting[1]):
        pass


def test_two_threads_take_turns(overwriting: tuple[Overwriting, tuple[Layer, ...]]) -> None:
    module, layers = overwriting
    wrong: list[int] = []

    def work(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(40):
            images = torch.randn(2, 3, 8, 8, generator=generator)
            with torch.no_grad(), record(module, layers) as taken:
                module(images)
            if not torch.equal(taken["conv"], nn.functional.conv2d(images, module.conv.weight, module.conv.bias)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not any(child._forward_hooks for child in module.modules())


def layer(layout: str, channels: int, height: int = 0, width: int = 0, prefix: int = 0) -> Layer:
    return Layer("x", "module", 0.5, layout, channels, height, width, 1, 1, "exact", prefix)  # type: ignore[arg-type]


MAP = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).view(2, 3, 4, 4)
TOKENS = torch.cat([torch.full((2, 1, 3), 99.0), MAP.flatten(2).transpose(1, 2)], dim=1)
FORMS = [
    (MAP, layer("NCHW", 3, 4, 4)),
    (MAP.permute(0, 2, 3, 1), layer("NHWC", 3, 4, 4)),
    (MAP.permute(0, 2, 3, 1).contiguous(), layer("NHWC", 3, 4, 4)),
    (TOKENS, layer("NLC", 3, 4, 4, prefix=1)),
]


@pytest.mark.parametrize(("activation", "form"), FORMS, ids=["NCHW", "NHWC view", "NHWC", "NLC"])
def test_poolings_are_the_same_in_every_layout(activation: Tensor, form: Layer) -> None:
    average, maximum = MAP.mean((2, 3)), MAP.amax((2, 3))
    quarters = MAP.view(2, 3, 2, 2, 2, 2).mean((3, 5)).flatten(1)
    for pooling, wanted in (("avg", average), ("max", maximum), ("avg+max", torch.cat([average, maximum], 1)),
                            ("2x2", quarters), ("4x4", MAP.flatten(1)), ("1x1", average)):  # fmt: skip
        found = pool(activation, form, pooling)
        torch.testing.assert_close(found, wanted)
        assert found.shape == (2, dimension(form, pooling))
        assert found.untyped_storage().data_ptr() != activation.untyped_storage().data_ptr()
    wanted = torch.full((2, 3), 99.0) if form.prefix_tokens else average
    torch.testing.assert_close(pool(activation, form, "cls"), wanted)


@pytest.mark.parametrize("pooling", ["avg", "max", "cls", "2x2"])
def test_vectors_stay_as_they_are(pooling: str) -> None:
    vectors = torch.randn(4, 7)
    found = pool(vectors, layer("NC", 7), pooling)
    assert torch.equal(found, vectors)
    assert found.data_ptr() != vectors.data_ptr()
    assert dimension(layer("NC", 7), pooling) == 7


@pytest.mark.parametrize(
    ("pooling", "words"),
    [("average", "nearest: avg"), ("2x3", "no pooling"), ("0x0", "out of range"), ("99x99", "out of range"),
     ("cls", "needs a network with a class token")],
)  # fmt: skip
def test_poolings_that_are_none(pooling: str, words: str) -> None:
    with pytest.raises(LabError, match=words):
        check_pooling(pooling, [layer("NCHW", 3, 4, 4)])
    with pytest.raises(LabError, match="those of layer x are not known"):
        check_pooling("2x2", [layer("NLC", 3)])


def test_extraction_is_what_plain_hooks_see(lite: LoadedModel) -> None:
    chosen = select_layers(lite.layers, "blocks")
    found = Extractor(lite, chosen)(pixels(4))
    images = normalised(pixels(4), lite.preprocessing)
    wanted = plain_hooks(lite.module, [x.name for x in chosen], images)
    assert len(found) == 18
    for name, vectors in found.items():
        assert vectors.dtype == np.float32
        reference = wanted[name].mean((2, 3)).numpy()
        np.testing.assert_allclose(vectors, reference, atol=1e-5 * np.abs(reference).max(), rtol=0)


def test_nothing_depends_on_the_rest_of_the_batch(lite: LoadedModel) -> None:
    extract = Extractor(lite, select_layers(lite.layers, "blocks"))
    whole, alone = extract(pixels(8)), extract(pixels(8)[3:4])
    other = extract(pixels(8).flip(0))
    assert whole
    for name, vectors in whole.items():
        assert np.abs(vectors[3] - alone[name][0]).max() <= 1e-5 * max(1.0, np.abs(vectors).max())
        assert np.array_equal(vectors[3], other[name][4])


def test_extraction_leaves_the_model_alone(lite: LoadedModel) -> None:
    before = {name: value.clone() for name, value in lite.module.state_dict().items()}
    Extractor(lite, select_layers(lite.layers, "blocks"))(pixels(2))
    assert all(torch.equal(before[name], value) for name, value in lite.module.state_dict().items())
    assert not any(child._forward_hooks for child in lite.module.modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit", "test_nfnet"])
def test_a_faster_copy_agrees_in_every_layer(name: str) -> None:
    model = load_model(f"{name}@untrained")
    images = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(2))
    for spec in ("blocks", "all"):
        chosen = select_layers(model.layers, spec)
        copy = faster_copy(model.module, chosen, (3, 160, 160))
        wanted = plain_hooks(model.module, [x.name for x in chosen], images)
        found = plain_hooks(copy, [x.name for x in chosen], images)
        assert wanted
        for key, value in wanted.items():
            assert float((found[key] - value).abs().max()) <= 1e-4 * float(value.abs().max()), key


def test_folding_spares_convolutions_that_are_read(lite: LoadedModel) -> None:
    import copy

    images = torch.randn(1, 3, 64, 64)
    assert len(fold_normalisation(copy.deepcopy(lite.module), images)) == 49
    spared = copy.deepcopy(lite.module)
    assert "conv_stem" not in fold_normalisation(spared, images, frozenset(["conv_stem"]))
    found, wanted = (plain_hooks(m, ["conv_stem", "bn1"], images) for m in (spared, lite.module))
    torch.testing.assert_close(found["conv_stem"], wanted["conv_stem"])
    assert not any(child._forward_hooks for child in spared.modules())


def test_a_convolution_that_is_used_twice_is_not_trusted_to_folding() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
            self.norm.running_mean.fill_(1.0)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return self.norm(y) + y

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Branching()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    module = Outer().eval()
    inner = [x for x in layer_table(module, (3, 8, 8))[0] if x.name == "inner"]
    copy = faster_copy(module, inner, (3, 8, 8))
    images = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(copy(images), module(images))


def test_nan_names_the_layer(lite: LoadedModel) -> None:
    import copy

    broken = copy.deepcopy(lite.module)
    broken.blocks[2][1].bn2.bias.fill_(torch.nan)
    extract = Extractor(LoadedModel(lite.card, broken), select_layers(lite.layers, "blocks"))
    with pytest.raises(LabError, match=r"layer blocks\.2\.1 puts out NaN"):
        extract(pixels(1))
