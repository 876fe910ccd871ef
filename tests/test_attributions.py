"""Attribution methods: equal to Captum and to direct computations, complete, undisturbed by threads."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import timm
import torch
from captum import attr
from torch import nn

from lab.activations.pooling import maps
from lab.attributions.capability import capability, facts_of
from lab.attributions.methods import FAST, METHODS, MethodFacts, named
from lab.attributions.shared_pass import shared_pass
from lab.attributions.targets import LinearProbe, Target, TargetChoice, class_index, class_target, labels, short_names
from lab.attributions.task import PICTURE, AttributionTask
from lab.errors import LabError
from lab.layers import Layer, select_layers
from lab.layers.table import layer_table

SWIN = {"embed_dim": 16, "depths": (1, 1, 2, 1), "num_heads": (1, 2, 2, 4), "img_size": 64, "window_size": 2}


@cache
def network(name: str) -> tuple[nn.Module, tuple[Layer, ...]]:
    torch.manual_seed(3)
    options: dict[str, Any] = dict(SWIN) if name.startswith("swin") else {}
    module = timm.create_model(name, pretrained=False, num_classes=7, **options).eval().requires_grad_(False)
    for parameter in module.parameters():
        if parameter.ndim == 1:  # zero-initialised ends of residual branches would hide mistakes
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    side = 64 if options else 160
    layers, _ = layer_table(module, (3, side, side))
    return module, select_layers(layers, "blocks")


def task_of(name: str, count: int = 2, **changes: Any) -> AttributionTask:
    module, layers = network(name)
    side = 64 if name.startswith("swin") else 160
    images = torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))
    target = class_target(module, images, TargetChoice("auto"))
    task = AttributionTask(module, images, layers, target, torch.zeros(1, 3, 1, 1), **changes)
    return task.at([layer for layer in layers if layer.height > 1 and layer.name in task.seen.gradients])


def close(found: torch.Tensor, wanted: torch.Tensor, tolerance: float = 1e-4) -> bool:
    return bool((found - wanted).abs().max() <= tolerance * wanted.abs().max().clamp_min(1e-12))


class Reading(nn.Module):
    """A network as Captum is given it: the target's score."""

    def __init__(self, task: AttributionTask) -> None:
        super().__init__()
        self.network, self.target = task.module, task.target

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.target.score(self.network(images))


# Against Captum, layer by layer


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_one_pass_equals_captum_layer_by_layer(name: str) -> None:
    task = task_of(name)
    found = METHODS["gradcam"].explain(task).maps
    times = METHODS["gradxact"].explain(task).maps
    assert len(task.layers) > 4
    for layer in task.layers:
        submodule = task.module.get_submodule(layer.name)
        wanted = attr.LayerGradCam(Reading(task), submodule).attribute(
            task.images.clone().requires_grad_(), relu_attributions=True
        )
        assert close(found[layer.name], wanted[:, 0].detach()), layer.name
        product = attr.LayerGradientXActivation(Reading(task), submodule).attribute(
            task.images.clone().requires_grad_()
        )
        assert close(times[layer.name], product.sum(dim=1).detach()), layer.name


def test_pixel_methods_equal_captum() -> None:
    task = task_of("test_resnet", 1)
    reading = Reading(task)
    image = task.images.clone().requires_grad_()
    assert close(METHODS["saliency"].explain(task).maps[PICTURE], attr.Saliency(reading).attribute(image).amax(dim=1))
    wanted = attr.InputXGradient(reading).attribute(image).sum(dim=1).detach()
    assert close(METHODS["inputxgrad"].explain(task).maps[PICTURE], wanted)


def test_layer_integrated_gradients_are_as_near_to_double_precision_as_captums() -> None:
    task = task_of("test_efficientnet", 1, steps=6)
    task = task.at([layer for layer in task.layers if layer.name in ("blocks.1.0", "blocks.3.0", "bn2")])
    double = replace(
        task, module=copy.deepcopy(task.module).double(), images=task.images.double(), baseline=task.baseline.double()
    )
    found, exact = METHODS["layer_ig"].explain(task).maps, METHODS["layer_ig"].explain(double).maps

    def by_captum(asked: AttributionTask, layer: Layer) -> torch.Tensor:
        made = attr.LayerIntegratedGradients(Reading(asked), asked.module.get_submodule(layer.name))
        baselines = torch.zeros_like(asked.images)
        return made.attribute(asked.images, baselines=baselines, n_steps=6, method="riemann_middle").sum(1).detach()

    def away(maps: torch.Tensor, name: str) -> float:
        return float((maps - exact[name]).abs().max() / exact[name].abs().max())

    assert len(task.layers) == 3
    for layer in task.layers:
        assert away(by_captum(double, layer), layer.name) < 1e-6
        assert away(found[layer.name], layer.name) <= 2 * away(by_captum(task, layer), layer.name)


def test_layer_integrated_gradients_equal_captum_on_tokens() -> None:
    task = task_of("test_vit", 1, steps=12)
    layer = next(layer for layer in task.layers if layer.name == "blocks.2")
    found = METHODS["layer_ig"].explain(task.at([layer])).maps[layer.name]
    wanted = attr.LayerIntegratedGradients(Reading(task), task.module.get_submodule(layer.name)).attribute(
        task.images, baselines=torch.zeros_like(task.images), n_steps=12
    )
    assert close(found, maps(wanted.detach(), layer).sum(dim=1), 0.05)


class Joining(nn.Module):
    """A network that joins what comes before a layer to what the layer puts out, by a sum or a concatenation."""

    def __init__(self, concatenates: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(8 if concatenates else 4, 5)
        self.concatenates = concatenates

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = self.first(images).tanh()
        after = self.second(before).tanh()
        joined = torch.cat([before, after], dim=1) if self.concatenates else before * after
        return self.last(joined.mean(dim=(2, 3)))


@pytest.mark.parametrize("concatenates", [True, False])
def test_layer_integrated_gradients_of_a_layer_that_is_joined_to_what_comes_before(concatenates: bool) -> None:
    torch.manual_seed(0)
    module = Joining(concatenates).eval().requires_grad_(False)
    layer = next(layer for layer in layer_table(module, (3, 12, 12))[0] if layer.name == "second")
    images = torch.randn(1, 3, 12, 12)
    target = class_target(module, images, TargetChoice("auto"))
    task = AttributionTask(module, images, (layer,), target, torch.zeros(1, 3, 1, 1), steps=64)
    found = METHODS["layer_ig"].explain(task)
    wanted = attr.LayerIntegratedGradients(Reading(task), module.second).attribute(
        images, baselines=torch.zeros_like(images), n_steps=64, method="riemann_middle"
    )
    assert close(found.maps["second"], wanted.sum(dim=1).detach())


def test_conductance_of_all_layers_at_once_equals_captum() -> None:
    task = task_of("test_efficientnet", 1, steps=48)
    found = METHODS["conductance"].explain(task).maps
    assert len(task.layers) >= 2
    for layer in task.layers[-2:]:
        wanted = attr.LayerConductance(Reading(task), task.module.get_submodule(layer.name)).attribute(
            task.images, baselines=torch.zeros_like(task.images), n_steps=48, internal_batch_size=16
        )
        assert np.corrcoef(found[layer.name].ravel(), wanted.detach().sum(dim=1).ravel())[0, 1] > 0.995


# Against a direct computation, on layouts Captum gets wrong


@pytest.mark.parametrize(
    ("name", "layer", "places"),
    [
        ("swin_tiny_patch4_window7_224", "layers.2.blocks.0", lambda t: t.permute(0, 3, 1, 2)),
        ("test_vit", "blocks.3", lambda t: t[:, 1:].transpose(1, 2).unflatten(2, (10, 10))),
    ],
)
def test_grad_cam_on_other_layouts(name: str, layer: str, places: Callable[[torch.Tensor], torch.Tensor]) -> None:
    task = task_of(name)
    kept: list[torch.Tensor] = []
    handle = task.module.get_submodule(layer).register_forward_hook(lambda _m, _i, out: kept.append(out))
    try:
        scores = task.module(task.images.clone().requires_grad_())
        logits = scores[range(len(scores)), task.target.index]
        (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    finally:
        handle.remove()
    values, slopes = places(kept[0].detach()), places(gradient)
    wanted = torch.einsum("nc,nchw->nhw", slopes.mean(dim=(2, 3)), values).clamp(min=0)
    chosen = [row for row in task.layers if row.name == layer]
    assert close(METHODS["gradcam"].explain(task.at(chosen)).maps[layer], wanted)
    assert wanted.shape[1:] == (chosen[0].height, chosen[0].width)


def test_gradients_are_finite_differences_in_double_precision() -> None:
    task = task_of("test_resnet", 1)
    module = torch.nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.SiLU(inplace=True), nn.Conv2d(6, 5, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    module = module.double().eval().requires_grad_(False)
    image = task.images[:1, :, :20, :20].double()
    layer = Layer("0", "module", 0.5, "NCHW", 6, 18, 18, 1, 3, "exact")
    seen = shared_pass(module, image, [layer], Target(torch.tensor([2])))
    values, gradient = seen.activations["0"], seen.gradients["0"]
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        direction = torch.randn(values.shape, generator=generator, dtype=torch.double)
        ends = [module[2:](torch.nn.functional.silu(values + step * direction))[0, 2] for step in (1e-6, -1e-6)]
        slope = float((ends[0] - ends[1]) / 2e-6)
        assert abs(slope - float((gradient * direction).sum())) < 1e-6
        direction = torch.randn(image.shape, generator=generator, dtype=torch.double)
        ends = [module(image + step * direction)[0, 2] for step in (1e-6, -1e-6)]
        assert abs(float((ends[0] - ends[1]) / 2e-6) - float((seen.pixels * direction).sum())) < 1e-6


# Properties


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_paths_are_complete(name: str) -> None:
    task = task_of(name, 1, steps=24)
    some = task.at([layer for layer in task.layers if layer.kind == "block"][-3:-1])
    for method in ("ig", "conductance", "layer_ig"):
        found = METHODS[method].explain(some)
        assert found.sums
        for place, owed in found.owed.items():
            # 24 points on a random network
            assert close(found.sums[place], owed, 0.15), (method, place)


def test_incompleteness_shows_when_steps_are_few() -> None:
    few, many = (METHODS["ig"].explain(task_of("test_vit", 1, steps=steps)) for steps in (2, 48))
    errors = [float((found.sums[PICTURE] - found.owed[PICTURE]).abs()) for found in (few, many)]
    assert errors[1] < errors[0]


def test_deeplift_is_complete_and_guided_backprop_is_not_the_gradient() -> None:
    task = task_of("test_resnet", 1)
    found = METHODS["deeplift"].explain(task)
    assert close(found.sums[PICTURE], found.owed[PICTURE], 0.01)
    guided = METHODS["guided_backprop"].explain(task).maps[PICTURE]
    plain = METHODS["saliency"].explain(task).maps[PICTURE]
    assert not close(guided, plain, 0.5)


def state_of(module: nn.Module) -> tuple[Any, ...]:
    return (
        {name: values.clone() for name, values in module.state_dict().items()},
        [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in module.modules()],
        [(m.training, getattr(m, "inplace", None)) for m in module.modules()],
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_the_network_as_it_was(method: str) -> None:
    task = task_of("test_resnet", 1, steps=4)
    before = state_of(task.module)
    found = METHODS[method].explain(task.at(task.layers[:2]))
    for place, values in found.maps.items():
        assert values.shape[0] == 1
        assert bool(values.isfinite().all())
        assert (place == PICTURE) == (METHODS[method].where == "picture")
        assert METHODS[method].signed or float(values.min()) >= 0
    after = state_of(task.module)
    assert all(torch.equal(values, after[0][name]) for name, values in before[0].items())
    assert before[1:] == after[1:]


def test_an_error_leaves_the_network_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of("test_resnet", 1, steps=4)
    before = state_of(task.module)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for method in ("ig", "conductance", "layer_ig", "deeplift", "guided_backprop", "occlusion"):
        with pytest.raises(KeyboardInterrupt):
            METHODS[method].explain(replace(task.at(task.layers[:2]), tick=stop))
    assert before[1:] == state_of(task.module)[1:]


def test_smoothgrad_is_seeded_and_leaves_the_global_state() -> None:
    task = task_of("test_resnet", 1, steps=4)
    torch.manual_seed(5)
    first = METHODS["smoothgrad"].explain(task).maps[PICTURE]
    drawn = torch.rand(1)
    again = METHODS["smoothgrad"].explain(task).maps[PICTURE]
    other = METHODS["smoothgrad"].explain(replace(task, seed=1)).maps[PICTURE]
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_two_threads_on_one_network_get_their_own_maps() -> None:
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(144, 3)
    )
    module = module.eval().requires_grad_(False)
    layers = (Layer("0", "module", 0.2, "NCHW", 4, 8, 8, 1, 3, "exact"),)
    images = torch.randn(2, 1, 3, 10, 10, generator=torch.Generator().manual_seed(0))
    tasks = [
        AttributionTask(module, image, layers, Target(torch.tensor([k])), torch.zeros(1, 3, 1, 1))
        for k, image in enumerate(images)
    ]
    wanted = [METHODS["gradcam"].explain(task).maps["0"] for task in tasks]
    assert not torch.equal(*wanted)
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(1000):
            fresh = replace(tasks[k])
            wrong.append(not torch.equal(METHODS["gradcam"].explain(fresh).maps["0"], wanted[k]))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 2000
    assert sum(wrong) == 0


# A probe as the target


def probe_at(layer: Layer, classes: int = 2) -> LinearProbe:
    rng = np.random.default_rng(0)
    d = layer.channels
    names = tuple("abc"[:classes])
    return LinearProbe(
        layer, names, rng.normal(size=(classes, d)), rng.normal(size=classes), rng.normal(size=d),
        rng.uniform(0.5, 2, size=d), 1.0, 0.9, 1.0,
    )  # fmt: skip


def test_grad_cam_of_an_average_pooled_probe_is_its_weights_on_the_map() -> None:
    task = task_of("test_resnet", 2)
    layer = next(layer for layer in task.layers if layer.name == "layer3.0")
    probe = probe_at(layer)
    asked = AttributionTask(
        task.module, task.images, task.layers[:4], Target(torch.tensor([1, 0]), probe), task.baseline
    )
    own = asked.at([layer])
    values = maps(own.seen.activations[layer.name], layer)
    weight = torch.tensor((probe.weight[1] - probe.weight[0]) / probe.scale, dtype=torch.float32)
    signs = torch.tensor([1.0, -1.0])[:, None, None]
    wanted = signs * torch.einsum("c,nchw->nhw", weight, values) / (layer.height * layer.width)
    assert close(METHODS["gradxact"].explain(own).maps[layer.name], wanted)
    assert close(METHODS["gradcam"].explain(own).maps[layer.name], wanted.relu())
    # the network behind the probe is not run: its layers are told to come too late
    rows = {row.layer: row for row in capability(asked, task.layers, named("gradcam"))}
    assert rows["layer3.0"].valid
    assert "comes after layer3.0" in rows["layer4.0"].reason


def test_three_classes_are_told_apart_from_their_mean() -> None:
    layer = Layer("0", "module", 0.5, "NCHW", 5, 2, 2, 1, 3, "exact")
    probe = probe_at(layer, 3)
    values = torch.randn(4, 5, 2, 2)
    logits = probe.logits(values)
    target = Target(torch.tensor([2, 0, 1, 1]), probe)
    wanted = logits[0, 2] - (logits[0, 0] + logits[0, 1]) / 2
    assert torch.allclose(target.score(values)[0], wanted)
    assert torch.allclose(target.probability(values)[3], logits[3].softmax(0)[1])


# What is valid


def test_the_matrix_names_reasons() -> None:
    task = task_of("test_vit", 1)
    layers = network("test_vit")[1]
    rows = {(row.method, row.layer): row for row in capability(task.at(layers), layers)}
    assert {name for name, _ in rows} == set(METHODS)
    assert rows["gradcam", "blocks.2"].valid
    assert not rows["guided_backprop", PICTURE].valid
    assert "GELU, not ReLU" in rows["guided_backprop", PICTURE].reason
    last = rows["gradcam", "norm"]
    assert not last.valid
    assert "only its class token" in last.reason
    assert rows["activation", "norm"].valid


def test_facts_speak_of_the_network() -> None:
    assert facts_of(network("test_resnet")[0]).activations == ("ReLU",)
    lite = timm.create_model("tf_efficientnet_lite0", num_classes=2)
    assert facts_of(lite).activations == ("ReLU6",)
    assert "ReLU6, not ReLU" in METHODS["guided_backprop"].why_not(facts_of(lite))
    assert "multiply" in METHODS["deeplift"].why_not(MethodFacts(("ReLU",), attends=True))
    assert METHODS["deeplift"].why_not(MethodFacts(("ReLU",))) == ""


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_efficientnet", "test_vit"])
def test_what_is_called_valid_works(name: str) -> None:
    task = task_of(name, 1, steps=2)
    layers = task.layers[1:3]
    valid = [row for row in capability(task, layers) if row.valid]
    assert {row.layer for row in valid} >= {layer.name for layer in layers}
    for row in valid:
        chosen = [layer for layer in layers if layer.name == row.layer]
        found = METHODS[row.method].explain(task.at(chosen))
        assert bool(found.maps[row.layer].any()), row


# Words


def test_targets_are_read() -> None:
    assert TargetChoice.parse("auto") == TargetChoice("auto")
    assert TargetChoice.parse("283") == TargetChoice("class", "283")
    assert TargetChoice.parse("probe") == TargetChoice("probe")
    assert TargetChoice.parse("probe@blocks.3.0:dog") == TargetChoice("probe", "dog", "blocks.3.0")
    assert class_index("tabby", 1000) == class_index("281", 1000) == 281
    assert class_index("6", 7) == 6


@pytest.mark.parametrize(
    ("text", "index"), [("harp", 594), ("gong", 577), ("Polecat", 358), ("maillot, tank suit", 639)]
)
def test_the_first_name_of_a_class_wins(text: str, index: int) -> None:
    assert class_index(text, 1000) == index


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("panda", "387 .*lesser panda.*, 388 .*giant panda"),
        ("crane", "134 .crane., 517 .crane."),
        ("horn", "513 .*, 566 "),
        ("maillot", "638 .*, 639 "),
    ],
)
def test_a_label_of_several_classes_is_told_with_their_numbers(text: str, candidates: str) -> None:
    with pytest.raises(LabError, match=rf"'{text}' is the name of 2 classes: {candidates}.*; give the number"):
        class_index(text, 1000)


def test_short_names_are_unique() -> None:
    names = short_names(1000)
    assert len({name.lower() for name in names}) == 1000
    assert (names[134], names[517], names[281]) == ("crane (134)", "crane (517)", "tabby")
    assert short_names(7) == []


def test_every_label_of_imagenet_names_one_class_or_is_told() -> None:
    names = labels(1000)
    told = set()
    for index, name in enumerate(names):
        for label in (part.strip() for part in name.split(",")):
            try:
                found = class_index(label, 1000)
            except LabError:
                told.add(label.lower())
            else:
                assert label.lower() in [part.strip().lower() for part in names[found].split(",")]
                assert found == index or names[found].split(",")[0].lower() == label.lower()
    assert len(told) == 12  # of 19 that two classes share; the others are the first name of one alone
    assert {"panda", "horn", "crane", "cardigan", "missile"} & told == {"panda", "horn", "crane", "cardigan"}


@pytest.mark.parametrize(
    ("text", "classes", "says"),
    [("tabbi", 1000, "nearest: tabby"), ("1000", 1000, "0 to 999"), ("cat", 7, "names of this network's 7")],
)
def test_unknown_classes_are_told(text: str, classes: int, says: str) -> None:
    with pytest.raises(LabError, match=says):
        class_index(text, classes)


def test_unknown_methods_are_told() -> None:
    with pytest.raises(LabError, match=r"no method 'gradcan'.*gradcam"):
        named("gradcan")
    assert tuple(row.name for row in named("fast")) == FAST
