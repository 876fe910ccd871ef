"""The layer table: order, depth, layouts, structure and receptive fields against hand counts and timm."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from no_fields import leave_out_fields
from torch import Tensor, nn

from lab.errors import LabError
from lab.layers import Layer, select_layers
from lab.layers.receptive import ReceptiveField, measure
from lab.layers.spreading import OnlySpreading
from lab.layers.table import layer_table
from lab.layers.tracing import trace

SIZE = (3, 64, 64)


class Block(nn.Module):
    """Two convolutions with a sum around them, the sum written in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.act(self.conv1(x)))
        y += x
        return y


class Network(nn.Module):
    """A stem, two stages of blocks, and what a table must leave out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.stages = nn.Sequential(
            nn.Sequential(Block(8), Block(8)), nn.Sequential(nn.Conv2d(8, 16, 2, stride=2), Block(16))
        )
        self.norm = nn.BatchNorm2d(16)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.twice = nn.ReLU()
        self.never = nn.Conv2d(3, 3, 1)
        self.several = Several()
        self.windows = Windows()
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stages(self.stem(x))))
        x = self.twice(self.twice(x))
        self.windows(x)
        x, _ = self.several(x)
        return self.fc(self.pool(x).flatten(1))


class Several(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        return x, 1


class Windows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.unfold(2, 8, 8).reshape(-1, 16, 8)


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return Network()


@pytest.fixture(scope="module")
def table(network: Network) -> dict[str, Layer]:
    return {layer.name: layer for layer in layer_table(network, SIZE)[0]}


@pytest.fixture
def no_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave receptive fields out, which take most of the time."""
    leave_out_fields(monkeypatch)


def timm_model(name: str) -> nn.Module:
    import timm

    smaller = {"mlp_ratio": 1 / 128} if name == "vgg11" else {}
    with torch.random.fork_rng(devices=[]):
        return timm.create_model(name, **smaller).eval()


def test_kinds(table: dict[str, Layer]) -> None:
    by_kind = {
        kind: [name for name, layer in table.items() if layer.kind == kind] for kind in ("stem", "block", "head")
    }
    assert by_kind == {"stem": ["stem"], "block": ["stages.0.0", "stages.0.1", "stages.1.1"], "head": ["act"]}
    assert [name for name, layer in table.items() if layer.stage_end] == ["stages.0", "stages.1"]


def test_depth_counts_weighted_layers(table: dict[str, Layer]) -> None:
    # stem, two blocks of two, the downsampling, a block of two; the classifier does not count, nor what never runs
    depths = {name: table[name].depth for name in ("stem", "stages.0.0", "stages.0.1.conv1", "stages.1.0", "act")}
    assert depths == {
        "stem": 1 / 8, "stages.0.0": 3 / 8, "stages.0.1.conv1": 4 / 8, "stages.1.0": 6 / 8, "act": 1.0
    }  # fmt: skip
    assert [layer.depth for layer in table.values()] == sorted(layer.depth for layer in table.values())


def test_every_module_is_a_layer_or_has_a_reason(network: Network) -> None:
    layers, exclusions = layer_table(network, SIZE)
    names = [name for name, _ in network.named_modules() if name]
    assert sorted([layer.name for layer in layers] + [exclusion.name for exclusion in exclusions]) == sorted(names)
    reasons = {exclusion.name: exclusion.reason for exclusion in exclusions}
    assert "not called" in reasons["never"]
    assert "2 times" in reasons["twice"]
    assert "batch" in reasons["windows"]


def test_tuples_are_opened_but_for_networks_of_timm(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "several" in [layer.name for layer in layer_table(network, SIZE)[0]]
    monkeypatch.setattr(network, "pretrained_cfg", {}, raising=False)
    _, exclusions = layer_table(network, SIZE)
    assert any(exclusion.name == "several" and "tuple" in exclusion.reason for exclusion in exclusions)


def test_in_place_activations_are_layers(table: dict[str, Layer]) -> None:
    assert "stages.0.0.act" in table


def test_receptive_fields_of_a_hand_count(table: dict[str, Layer]) -> None:
    # (side, stride): a k×k kernel adds (k - 1) times the stride before it
    wanted = {"stem": (3, 2), "stages.0.0.conv1": (7, 2), "stages.0.0": (11, 2), "stages.0.1": (19, 2),
              "stages.1.0": (21, 4), "stages.1.1": (37, 4), "act": (37, 4)}  # fmt: skip
    assert {name: (table[name].receptive_field, table[name].stride) for name in wanted} == wanted
    assert {table[name].receptive_field_status for name in wanted} == {"exact"}
    assert table["pool"].receptive_field_status == table["fc"].receptive_field_status == "global"
    assert table["pool"].receptive_field == 64


def test_dilation_pooling_and_gaps_count() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 5, padding=2, stride=1), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 3, padding=4, dilation=4)
    )
    layers, _ = layer_table(module, SIZE)
    assert [layer.receptive_field for layer in layers] == [5, 7, 7 + 2 * 8]


def test_a_gate_makes_a_field_global() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.gate = nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.conv(x)
            return x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()

    module = nn.Sequential(Gate(), nn.Conv2d(4, 4, 3, padding=1))
    found = {layer.name: layer.receptive_field_status for layer in layer_table(module, SIZE)[0]}
    assert found["0.conv"] == "exact"
    assert found["0"] == found["1"] == "global"


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1, "stride": 2},
        {"kernel_size": 5, "groups": 4, "dilation": 2},
        {"kernel_size": (1, 7), "groups": 8, "padding": "same", "padding_mode": "reflect"},
    ],
)
def test_spreading_reaches_what_the_real_arithmetic_reaches(options: dict[str, Any]) -> None:
    convolution, linear = nn.Conv2d(8, 16, **options), nn.Linear(20, 5)
    images = torch.randn((3, 8, 20, 20), generator=torch.Generator().manual_seed(0))
    images[0, 0, 3, 17] = images[1, 5, 0, 0] = torch.nan
    with torch.inference_mode():
        real = convolution(images), linear(images)
        with OnlySpreading():
            spread = convolution(images), linear(images)
    assert len(real) == 2
    for one, other in zip(real, spread, strict=True):
        assert torch.equal(one.isnan(), other.isnan())
        assert one.isnan().any()
        assert other[2].abs().max() <= 1


def test_fields_are_right_where_made_up_numbers_would_make_nan() -> None:
    class Logarithm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log()

    first = nn.Conv2d(3, 4, 3, padding=1)
    nn.init.constant_(first.weight, 0.1)
    nn.init.constant_(first.bias, 1.0)
    layers, _ = layer_table(nn.Sequential(first, Logarithm(), nn.Conv2d(4, 4, 5, padding=2)), SIZE)
    assert [(x.receptive_field, x.receptive_field_status) for x in layers] == [(3, "exact"), (3, "exact"), (7, "exact")]


def test_windows_give_an_upper_bound() -> None:
    class Mixed(nn.Module):
        """Averages over windows of 16 pixels, at one input size only."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(3, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[-1] == 64
            x = self.inner(x)
            means = x.reshape(*x.shape[:3], 4, 16).mean(-1, keepdim=True)
            return x + means.expand(*means.shape[:4], 16).reshape(x.shape)

    layers, _ = layer_table(nn.Sequential(Mixed()), SIZE)
    found = {layer.name: (layer.receptive_field, layer.receptive_field_status) for layer in layers}
    assert found == {"0.inner": (3, "exact"), "0": (18, "upper bound")}


def test_measuring_leaves_no_hooks(network: Network) -> None:
    layers, _ = layer_table(network, SIZE)
    measure(network, layers, SIZE)
    assert layers
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_trace_cleans_up_after_an_error(network: Network) -> None:
    network.train()
    state = torch.random.get_rng_state()
    with pytest.raises(RuntimeError):
        trace(network, (4, 64, 64))
    assert all(child.training for child in network.modules())
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in network.modules())
    assert torch.equal(state, torch.random.get_rng_state())


def test_published_receptive_fields() -> None:
    # Araujo et al. 2019 (Distill) give 435 for ResNet-18's last block; VGG's by its kernels: 5 of 3×3 and 4 pools
    resnet = {layer.name: layer for layer in layer_table(timm_model("resnet18"), (3, 224, 224))[0]}
    assert [resnet[name].receptive_field for name in ("act1", "layer1.1", "layer2.1", "layer3.1", "layer4.1")] == [
        7, 43, 99, 211, 435
    ]  # fmt: skip
    assert resnet["layer4.1"].receptive_field_status == "exact"


def test_blocks_of_the_default_model(no_fields: None) -> None:
    layers, _ = layer_table(timm_model("tf_efficientnet_lite0"), (3, 224, 224))
    names = [layer.name for layer in select_layers(layers, "blocks")]
    counts = (1, 2, 2, 3, 3, 4, 1)
    assert names == ["bn1", *(f"blocks.{s}.{b}" for s, n in enumerate(counts) for b in range(n)), "bn2"]


@pytest.mark.parametrize(
    ("name", "stem", "first", "last", "head", "count"),
    [
        ("test_resnet", "act1", "layer1.0", "layer4.0", "", 4),
        ("test_vit", "patch_embed", "blocks.0", "blocks.5", "norm", 6),
        ("test_convnext", "stem", "stages.0.blocks.0", "stages.3.blocks.1", "head.norm", 9),
        ("test_efficientnet", "bn1", "blocks.0.0", "blocks.4.0", "bn2", 5),
        ("regnetx_002", "stem", "s1.b1", "s4.b7", "", 13),
        ("vgg11", "", "features.1", "pre_logits", "", 9),
        ("mobilenetv3_small_050", "bn1", "blocks.0.0", "blocks.5.0", "act2", 12),
    ],
)
def test_blocks_of_families(
    name: str, stem: str, first: str, last: str, head: str, count: int, no_fields: None
) -> None:
    module = timm_model(name)
    layers = select_layers(layer_table(module, (3, 160, 160))[0], "blocks")
    found = {kind: [layer.name for layer in layers if layer.kind == kind] for kind in ("stem", "block", "head")}
    assert found["stem"] == ([stem] if stem else [])
    assert found["head"] == ([head] if head else [])
    assert (found["block"][0], found["block"][-1], len(found["block"])) == (first, last, count)


def test_convmixer_has_no_block_modules_but_sequences(no_fields: None) -> None:
    from timm.models.convmixer import ConvMixer

    module = ConvMixer(dim=16, depth=3, kernel_size=5, patch_size=7, num_classes=2).eval()
    layers = select_layers(layer_table(module, SIZE)[0], "blocks")
    assert [layer.name for layer in layers] == ["stem", "blocks.0", "blocks.1", "blocks.2"]


def test_swin_is_channels_last() -> None:
    from timm.models.swin_transformer import SwinTransformer

    module = SwinTransformer(img_size=56, window_size=7, embed_dim=16, depths=(2, 2), num_heads=(1, 2), num_classes=3)
    table = {layer.name: layer for layer in layer_table(module.eval(), (3, 56, 56))[0]}
    block = table["layers.0.blocks.1"]
    assert (block.kind, block.layout, block.channels, block.height, block.width) == ("block", "NHWC", 16, 14, 14)
    assert table["layers.1.blocks.0"].layout == "NHWC"
    assert table["layers.0.blocks.0"].receptive_field_status == "upper bound"  # one window of 7 by 7 patches
    assert table["layers.0.blocks.0"].receptive_field == 28
    assert table["layers.1"].kind == "stage"


def test_class_tokens_are_prefixes() -> None:
    module = timm_model("test_vit")
    table = {layer.name: layer for layer in layer_table(module, (3, 160, 160))[0]}
    block = table["blocks.0"]
    assert (block.layout, block.prefix_tokens, block.height, block.width) == ("NLC", 1, 10, 10)
    assert block.receptive_field_status == "global"
    assert table["patch_embed"].receptive_field == 16


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit", "test_efficientnet"])
def test_maps_agree_with_timm(name: str, no_fields: None) -> None:
    """What a hook reads, turned into maps, is what `forward_intermediates` gives for the same place."""
    from lab.activations import record
    from lab.activations.pooling import maps

    module = timm_model(name)
    layers, _ = layer_table(module, (3, 160, 160))
    images = torch.rand(2, 3, 160, 160)
    with (
        torch.no_grad(),
        record(module, layers, lambda x, layer: maps(x, layer).clone() if layer.height else None) as taken,
    ):
        _, intermediates = module.forward_intermediates(images, norm=False)
    places = [row["module"] for row in module.feature_info]
    seen = [(taken[place], wanted) for place, wanted in zip(places, intermediates, strict=True) if place in taken]
    assert len(seen) >= 4
    for found, wanted in seen:
        torch.testing.assert_close(found, wanted)


def test_picks(table: dict[str, Layer]) -> None:
    layers = tuple(table.values())
    names = {spec: [layer.name for layer in select_layers(layers, spec)] for spec in ("stages", "blocks")}
    assert names["stages"] == ["stem", "stages.0", "stages.1", "act"]
    assert names["blocks"] == ["stem", "stages.0.0", "stages.0.1", "stages.1.1", "act"]
    assert select_layers(layers, "all") == layers
    assert [layer.name for layer in select_layers(layers, " act, stem ,stem")] == ["stem", "act"]


def test_unknown_and_unreadable_names(network: Network) -> None:
    layers, exclusions = layer_table(network, SIZE)
    with pytest.raises(LabError, match=r"no layer 'stemm'; nearest: stem"):
        select_layers(layers, "stem,stemm")
    with pytest.raises(LabError, match="called 2 times"):
        select_layers(layers, "twice", exclusions=exclusions)
    with pytest.raises(LabError, match="no layer is named"):
        select_layers(layers, " , ")


def test_layers_are_json(table: dict[str, Layer]) -> None:
    assert table
    for layer in table.values():
        assert Layer.from_dict(json.loads(json.dumps(layer.as_dict()))) == layer


def test_costs_are_counted_up_to_each_layer(table: dict[str, Layer], network: Network) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from lab.layers.costs import costs

    stem = network.stem
    positions = table["stem"].height * table["stem"].width
    assert table["stem"].flops == 2 * positions * stem.weight[0].numel() * stem.out_channels
    assert table["stem"].parameters == sum(parameter.numel() for parameter in stem.parameters())
    assert [layer.flops for layer in table.values()] == sorted(layer.flops for layer in table.values())
    before = network.stem.weight.clone()
    _, whole = costs(network, SIZE)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *SIZE))
    assert whole.flops == counter.get_total_flops()
    ran = [child for name, child in network.named_modules() if name and name != "never"]
    assert whole.parameters == sum({id(p): p.numel() for child in ran for p in child.parameters()}.values())
    assert torch.equal(network.stem.weight, before)
    assert not any(child._forward_hooks for child in network.modules())


def test_shared_weights_count_once_and_memory_is_what_lives_together() -> None:
    from lab.layers.costs import costs

    shared = nn.Conv2d(3, 3, 1, bias=False)
    _, whole = costs(nn.Sequential(shared, nn.Sequential(shared), nn.Flatten()), (3, 8, 8))
    assert whole.parameters == 9
    assert whole.flops == 2 * 2 * 9 * 64
    assert whole.peak_bytes == 3 * 3 * 64 * 4  # the image, which the caller holds, and a convolution's input and output
    wide = nn.Sequential(nn.Conv2d(3, 30, 1), nn.Conv2d(30, 1, 1))
    assert costs(wide, (3, 8, 8))[1].peak_bytes == (3 + 30 + 1) * 64 * 4


def test_a_module_at_two_places_breaks_nothing(no_fields: None) -> None:
    network = Network()
    network.stages[1][1].conv1 = network.stages[1][1].conv2  # as CoaT shares its position encodings
    shared = nn.Sequential(
        network.stem, network.stages, network.norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.fc
    )
    layers, exclusions = layer_table(shared, SIZE)
    assert any(layer.kind == "block" for layer in layers)
    assert "1.1.1.conv1" in {exclusion.name for exclusion in exclusions}


def test_height_and_width_of_a_field_are_apart() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, (1, 7), padding=(0, 3)),
        nn.Conv2d(4, 4, 3, padding=1, stride=2),
        nn.Conv2d(4, 4, (7, 1), padding=(3, 0)),
        nn.Conv2d(4, 4, (1, 7), padding=(0, 3)),
    )
    layers, _ = layer_table(module, SIZE)
    found = [(x.receptive_field_height, x.receptive_field_width, x.receptive_field) for x in layers]
    assert found == [(1, 7, 7), (3, 9, 9), (15, 9, 15), (15, 21, 21)]  # by hand
    assert {x.receptive_field_status for x in layers} == {"exact"}


def test_a_field_that_is_global_along_one_side_has_the_inputs_length_there() -> None:
    class RowMeans(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x.mean(3, keepdim=True)

    layers, _ = layer_table(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), RowMeans()), SIZE)
    last = layers[-1]
    assert (last.receptive_field_height, last.receptive_field_width) == (3, 64)
    assert last.receptive_field_status == "global"


class Tokens(nn.Module):
    """Patches of 8 pixels as tokens, line by line or in windows of 4 by 4, then a map of each token by itself."""

    def __init__(self, windows: bool) -> None:
        super().__init__()
        self.patch, self.windows = nn.Conv2d(3, 6, 8, stride=8), windows
        self.mix, self.heads = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        if self.windows:
            x = x.unflatten(2, (2, 4)).unflatten(4, (2, 4)).transpose(3, 4)
        x = self.mix(x.flatten(2).transpose(1, 2))
        scores = self.heads(x) @ x.transpose(1, 2)
        return self.mixed(scores.softmax(-1), x)

    def mixed(self, scores: Tensor, x: Tensor) -> Tensor:
        return scores @ x


def test_tokens_in_another_order_have_no_positions() -> None:
    torch.manual_seed(0)
    for windows in (False, True):
        table = {layer.name: layer for layer in layer_table(Tokens(windows), SIZE)[0]}
        assert (table["patch"].height, table["patch"].width) == (8, 8)
        assert (table["mix"].height, table["mix"].width) == ((0, 0) if windows else (8, 8))
        assert table["heads"].height == table["mix"].height


def test_a_table_of_scores_between_tokens_is_no_map() -> None:
    class Scores(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch, self.scores = nn.Conv2d(3, 6, 8, stride=8), nn.Softmax(-1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patch(x).flatten(2).transpose(1, 2)[:, None].expand(-1, 2, -1, -1)
            return self.scores(10 * x @ x.transpose(2, 3))  # (N, heads, 64, 64): as square as a picture

    torch.manual_seed(0)
    (_, scores), _ = layer_table(Scores(), SIZE)
    assert scores.name == "scores"
    assert (scores.height, scores.width) == (0, 0)


def test_layers_without_positions_refuse_what_needs_them() -> None:
    from lab.activations.pooling import check_pooling, maps, pool

    layer = Layer("blocks.0", "block", 0.5, "NLC", 6, 0, 0, 0, 0, "unknown")
    with pytest.raises(LabError, match="positions"):
        check_pooling("2x2", [layer])
    with pytest.raises(LabError, match="positions"):
        maps(torch.ones(1, 64, 6), layer)
    assert pool(torch.ones(1, 64, 6), layer, "avg").shape == (1, 6)


def test_tokens_of_a_picture_that_is_not_square_keep_their_rows_and_columns() -> None:
    table = {layer.name: layer for layer in layer_table(Tokens(windows=False), (3, 64, 32))[0]}
    mix = table["mix"]
    assert (mix.height, mix.width) == (8, 4)
    assert (mix.receptive_field_height, mix.receptive_field_width) == (8, 8)


class Sized(nn.Module):
    """A wide convolution, and one that runs only where `runs` says so of the width."""

    def __init__(self, runs: Callable[[int], bool]) -> None:
        super().__init__()
        self.wide, self.then, self.runs = nn.Conv2d(3, 4, 61, padding=30), nn.Conv2d(4, 4, 3, padding=1), runs
        nn.init.constant_(self.wide.weight, 0.01)  # one so wide and random has its peak anywhere

    def forward(self, x: Tensor) -> Tensor:
        x = self.wide(x)
        return self.then(x) if self.runs(x.shape[-1]) and self.runs(x.shape[-2]) else x


def test_a_layer_that_runs_at_some_sizes_only_spoils_no_other() -> None:
    layers, _ = layer_table(Sized(lambda side: side < 1500), SIZE)
    wide = layers[0]
    assert (wide.name, wide.receptive_field, wide.receptive_field_status) == ("wide", 61, "exact")


def test_a_network_of_one_size_is_measured_at_its_own() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 6, 16, stride=16)

        def forward(self, x: Tensor) -> Tensor:
            assert x.shape[-2:] == (96, 96)
            return self.patch(x)

    (patch,), _ = layer_table(Fixed(), (3, 96, 96))
    assert (patch.receptive_field_height, patch.receptive_field_width) == (16, 16)


def test_a_receptive_field_is_a_value() -> None:
    assert len({ReceptiveField(3, 5, "exact"), ReceptiveField(3, 5, "exact"), ReceptiveField(5, 3, "exact")}) == 2


@pytest.mark.parametrize(
    ("last", "depths"),
    [
        ([nn.Conv2d(8, 16, 3)], [0.5, 1.0]),  # features, not scores
        ([nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16)], [0.5, 1.0]),
        ([nn.Conv2d(8, 16, 1), nn.AdaptiveAvgPool2d(1)], [1.0, 1.0]),  # SqueezeNet's classifier
        ([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)], [1.0, 1.0]),
    ],
)
def test_what_ends_a_network_is_its_classifier_only_where_it_scores(last: list[nn.Module], depths: list[float]) -> None:
    layers, _ = layer_table(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), *last).eval(), (3, 16, 16))
    assert [layers[0].depth, layers[-1].depth] == depths
