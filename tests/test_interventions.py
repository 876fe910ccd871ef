"""Interventions: each does what it says, where it can, and leaves the network bit for bit as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from lab.errors import LabError
from lab.interventions import INTERVENTIONS, Anatomy, anatomy, intervention, possible_targets
from lab.interventions.swapping import ReplacedInput, ZeroOutput, fitted, replaced
from lab.models import LoadedModel, load_model

MODELS = ("test_efficientnet", "test_resnet", "test_vit", "test_convnext")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[LoadedModel, Anatomy]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATURE_LAB_HOME", str(tmp_path_factory.mktemp("interventions")))
        models = [load_model(f"{name}@untrained:1") for name in MODELS]
        for model in models:
            _no_longer_fresh(model.module)
        yield {model.ref.id: (model, anatomy(model)) for model in models}


def _no_longer_fresh(module: nn.Module) -> None:
    """Move scales and shifts off their first values: a fresh ConvNeXt's blocks count for a millionth."""
    noise = torch.Generator().manual_seed(5)
    for tensor in module.parameters():
        if tensor.ndim == 1:
            tensor.data += 0.3 * torch.rand(tensor.shape, generator=noise)


def images(model: LoadedModel, count: int = 2, seed: int = 3) -> torch.Tensor:
    how = model.preprocessing
    return torch.randn((count, 3, how.height, how.width), generator=torch.Generator().manual_seed(seed))


def put_out(model: LoadedModel, batch: torch.Tensor | None = None) -> torch.Tensor:
    with torch.no_grad():
        return model.module(images(model) if batch is None else batch)


def state(module: nn.Module) -> dict[str, Any]:
    """Everything that must be as before: weights bit for bit, which module has which name, hooks, modes."""
    return {
        "weights": {name: (id(tensor), tensor.clone()) for name, tensor in module.state_dict(keep_vars=True).items()},
        "modules": [(name, id(child)) for name, child in module.named_modules()],
        "hooks": [
            (name, len(child._forward_hooks), len(child._forward_pre_hooks), len(child._backward_hooks))
            for name, child in module.named_modules()
        ],
        "modes": [(name, child.training) for name, child in module.named_modules()],
        "own": [(name, sorted(child.__dict__)) for name, child in module.named_modules()],
    }


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    for key in ("modules", "hooks", "modes", "own"):
        assert before[key] == after[key]
    assert before["weights"].keys() == after["weights"].keys()
    for name, (place, tensor) in before["weights"].items():
        assert after["weights"][name][0] == place
        assert torch.equal(after["weights"][name][1], tensor)


@pytest.mark.parametrize("name", INTERVENTIONS)
@pytest.mark.parametrize("model_name", MODELS)
def test_every_row_changes_the_network_and_leaves_no_trace(loaded: Any, model_name: str, name: str) -> None:
    model, found = loaded[model_name]
    row = INTERVENTIONS[name]
    targets = possible_targets(row, found)
    if not targets:
        assert len(row.reason(found)) > 20
        return
    module = model.module
    leaf = next(child for child in module.modules() if isinstance(child, nn.Conv2d))
    leaf.training = True  # a mode of its own, which must come back
    try:
        before, intact = state(module), put_out(model)
        for target in targets:
            with row.change(model, target, 0):
                broken = put_out(model)
                assert broken.shape == intact.shape
                assert not torch.equal(broken, intact), target.label
            assert_same(before, state(module))
            with pytest.raises(ZeroDivisionError), row.change(model, target, 0):
                _ = 1 / 0
            assert_same(before, state(module))
        assert torch.equal(put_out(model), intact)
    finally:
        module.eval()


def test_a_change_that_fails_halfway_is_undone(loaded: Any) -> None:
    model, _ = loaded["test_resnet"]
    before = state(model.module)
    with (
        pytest.raises(AttributeError),
        replaced(model.module, {"layer1": nn.Identity(), "no.such.part": nn.Identity()}),
    ):
        pytest.fail("the body must not run")
    assert_same(before, state(model.module))


def test_dropping_a_block_is_the_network_without_it(loaded: Any) -> None:
    model, found = loaded["test_vit"]
    vit: Any = model.module
    batch = images(model)
    row = intervention("drop")
    assert len(row.targets(found)) == len(vit.blocks)
    for target in row.targets(found):
        with row.change(model, target, 0):
            broken = put_out(model, batch)
        with torch.no_grad():
            tokens = vit.norm_pre(vit.patch_drop(vit._pos_embed(vit.patch_embed(batch))))
            for name, block in vit.blocks.named_children():
                tokens = tokens if f"blocks.{name}" == target.label else block(tokens)
            assert torch.equal(vit.forward_head(vit.norm(tokens)), broken)


@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "test_resnet"])
def test_without_its_shortcut_a_block_is_its_branch(loaded: Any, name: str) -> None:
    """With the shortcut's input added back by hand the block is what it was; ResNets bend the sum afterwards."""
    model, found = loaded[name]
    row = intervention("unshortcut")
    targets = row.targets(found)
    assert {target.label for target in targets} == {block.name for block in found.blocks if block.shortcut}
    part = targets[-1].parts[0]
    values = torch.randn((2, *part.entering), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        block = model.module.get_submodule(part.name)
        whole = block(values.clone())
        if name == "test_resnet":
            inside = block.bn2(block.conv2(block.act1(block.bn1(block.conv1(values)))))
            branch = torch.relu(inside)
        else:
            branch = whole - values
        with row.change(model, targets[-1], 0):
            assert torch.allclose(model.module.get_submodule(part.name)(values.clone()), branch, atol=1e-5)


def test_swapped_blocks_run_in_the_other_order(loaded: Any) -> None:
    model, found = loaded["test_vit"]
    row = intervention("swap")
    target = row.targets(found)[1]
    ran: list[int] = []
    blocks: Any = model.module.blocks
    handles = [block.register_forward_hook(lambda m, i, o, k=k: ran.append(k)) for k, block in enumerate(blocks)]
    with row.change(model, target, 0):
        put_out(model)
    for handle in handles:
        handle.remove()
    assert ran == [0, 2, 1, 3, 4, 5]


def test_permuting_keeps_the_numbers_and_changes_their_order(loaded: Any) -> None:
    model, found = loaded["test_convnext"]
    row = intervention("permute")
    target = row.targets(found)[0]
    part = model.module.get_submodule(target.parts[0].name)
    seen: list[torch.Tensor] = []
    put_out(model)
    with torch.no_grad():
        for seed in (None, 0, 1):
            context = row.change(model, target, seed) if seed is not None else None
            if context:
                context.__enter__()
            handle = part.register_forward_hook(lambda m, i, o: seen.append(o.clone()))
            put_out(model)
            handle.remove()
            if context:
                context.__exit__(None, None, None)
    intact, one, other = seen
    assert not torch.equal(intact, one)
    assert not torch.equal(one, other)
    assert torch.equal(intact.sort(dim=1).values, one.sort(dim=1).values)


def test_a_re_initialised_part_is_new_inside_and_only_there(loaded: Any) -> None:
    model, found = loaded["test_efficientnet"]
    row = intervention("reinit")
    target = row.targets(found)[2]
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    with row.change(model, target, 0):
        inside = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    with row.change(model, target, 7):
        other = model.module.state_dict()[f"{target.label}.0.conv_pwl.weight"].clone()
    changed = {name for name in before if not torch.equal(before[name], inside[name])}
    assert changed
    assert all(name.startswith(f"{target.label}.") for name in changed)
    assert f"{target.label}.0.conv_pwl.weight" in changed
    assert not torch.equal(other, inside[f"{target.label}.0.conv_pwl.weight"])


def test_shortcuts_are_found_as_the_architectures_say(loaded: Any) -> None:
    efficient, found = loaded["test_efficientnet"]
    for block in found.blocks:
        assert block.shortcut == efficient.module.get_submodule(block.name).has_skip
    residual, found = loaded["test_resnet"]
    for block in found.blocks:
        assert block.shortcut == (residual.module.get_submodule(block.name).downsample is None)
    assert all(block.shortcut for block in loaded["test_vit"][1].blocks)


def test_fitting_needs_no_weights_and_does_nothing_where_nothing_is_to_do() -> None:
    values = torch.arange(2 * 4 * 6 * 6, dtype=torch.float32).reshape(2, 4, 6, 6)
    assert fitted(values, (4, 6, 6), "NCHW") is values
    halved = fitted(values, (4, 3, 3), "NCHW")
    assert torch.allclose(halved, nn.functional.avg_pool2d(values, 2))
    wide = fitted(values, (10, 6, 6), "NCHW")
    assert torch.equal(wide[:, 4:8], values)
    assert torch.equal(fitted(values, (2, 6, 6), "NCHW"), values[:, [0, 2]])
    last = fitted(values.permute(0, 2, 3, 1), (3, 3, 10), "NHWC")
    assert torch.allclose(last, fitted(values, (10, 3, 3), "NCHW").permute(0, 2, 3, 1))
    assert fitted(values, (4, 12, 12), "NCHW").shape == (2, 4, 12, 12)
    tokens = torch.randn(2, 5, 8)
    assert fitted(tokens, (5, 4), "NLC").shape == (2, 5, 4)


def test_a_fed_part_sees_only_what_it_is_given(loaded: Any) -> None:
    model, found = loaded["test_resnet"]
    *front, last = found.trunk
    intact, real = put_out(model), []
    handle = model.module.get_submodule(last.name).register_forward_pre_hook(lambda m, i: real.append(i[0].clone()))
    put_out(model)
    handle.remove()
    fed = ReplacedInput(model.module.get_submodule(last.name))
    fed.source = real[0]
    with replaced(model.module, {**{part.name: ZeroOutput(part) for part in front}, last.name: fed}):
        assert torch.equal(put_out(model, torch.zeros_like(images(model))), intact)


def test_unknown_names_are_told_with_what_is_near() -> None:
    with pytest.raises(LabError, match=r"no intervention 'permut'; nearest: permute"):
        intervention("permut")
