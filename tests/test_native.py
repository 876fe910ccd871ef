"""The Python API: typed arguments, results that show themselves, charts of a chosen size, wrong use in one sentence."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import inspect
import io
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from image_sets import scenes
from no_fields import leave_out_fields
from PIL import Image

import lab
from lab.cli import main
from lab.errors import LabError
from lab.experiments.base import Request
from lab.experiments.comparison.request import CompareRequest
from lab.experiments.ladder.request import LadderRequest
from lab.experiments.nicknames import nicknames_in
from lab.experiments.result import Result
from lab.experiments.separability.request import ProbeRequest
from lab.images import ImageSet, picked
from lab.progress_bars import shown
from lab.settings import Compute

ROOT = Path(__file__).resolve().parent.parent
MODEL = "test_resnet@untrained:0"
CPU = Compute("cpu", 4)


@pytest.fixture(scope="module", autouse=True)
def no_fields() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        leave_out_fields(patch)
        yield


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return lab.open_image_set("drawn:pets?size=64", per_class=8)


@pytest.fixture(scope="module")
def result(images: ImageSet) -> Result:
    return lab.probe(MODEL, images, layers="stages", controls=["shuffled", "pixels"], repeats=1, compute=CPU)


@pytest.mark.parametrize(
    ("call", "request_type", "own"),
    [
        (lab.probe, ProbeRequest, {"images", "preprocess"}),
        (lab.compare, CompareRequest, {"images", "preprocess"}),
        (lab.ladder, LadderRequest, {"preprocess"}),
    ],
)
def test_every_field_is_an_argument_with_its_default(
    call: Callable[..., Any], request_type: type[Request], own: set[str]
) -> None:
    arguments = inspect.signature(call).parameters
    assert not any(p.kind is p.VAR_KEYWORD for p in arguments.values())
    not_asked = {"embeddings", "labels", "images", "data"}
    left_out = {*not_asked, *(["beside"] if call is lab.compare else [])}  # asked of one network at a time
    fields = {f.name: f.default for f in dataclasses.fields(request_type) if f.name not in left_out}
    assert set(arguments) == {*fields, *own, "progress", "compute"}
    for name, default in fields.items():
        if name != "models":
            assert arguments[name].default == default


def test_the_stub_of_ask_is_that_of_the_registry() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_stubs.py"))
    kept, wanted = (ast.dump(ast.parse(text)) for text in (script["PATH"].read_text(), script["stub"]()))
    assert kept == wanted, "run python docs/make_stubs.py && ruff format lab/runs/ask.pyi"


SCRIPT = """
import lab
lab.probe("resnet18", contols="none")
lab.ladder("resnet18", rung=("hue",))
lab.compare(["resnet18", "resnet34"], speeed=False)
lab.ask("slide", sise=9)
lab.load_model("resnet18", prepocess=None)
result = lab.probe("resnet18", layers=["layer1"], controls="none", folds="5")
result.chart("accuracy", widht=3)
lab.ask("slide", size=9).to_latex().upper()
lab.runs().head()
"""
CHECKED = (
    "__init__.py", "experiments/result.py", "experiments/separability/run.py", "experiments/ladder/run.py",
    "experiments/comparison/compare.py", "models/__init__.py", "models/loading.py", "runs/ask.pyi",
    "runs/from_python.py",
)  # fmt: skip


def test_a_type_checker_finds_misspelt_arguments(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    script = tmp_path / "user.py"
    script.write_text(SCRIPT)
    options = ["--follow-imports=skip", "--ignore-missing-imports", "--config-file=", "--no-error-summary"]
    words = [sys.executable, "-m", "mypy", *options, f"--cache-dir={tmp_path / 'cache'}", str(script)]
    done = subprocess.run(
        [*words, *(str(ROOT / "lab" / name) for name in CHECKED)], capture_output=True, text=True, cwd=ROOT
    )
    errors = [line for line in done.stdout.splitlines() if "user.py" in line and " error: " in line]
    found = sorted(set(re.findall(r'Unexpected keyword argument "(\w+)"', "\n".join(errors))))
    assert found == ["contols", "prepocess", "rung", "sise", "speeed", "widht"]
    assert any('Argument "folds"' in error for error in errors)
    assert {int(re.split(r"user\.py:", line)[1].split(":")[0]) for line in errors} == {3, 4, 5, 6, 7, 8, 9}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: lab.probe(MODEL, controls="nuone"), "there is no control 'nuone'"),
        (lambda: lab.probe(MODEL, folds="5"), "folds is '5', a str; it must be a whole number"),
        (lambda: lab.probe(MODEL, seed=True), "seed is True, a bool; it must be a whole number"),
        (lambda: lab.probe(MODEL, per_class=4, layers=["stem", "layer9"]), "there is no layer 'stem'"),
        (lambda: lab.probe(MODEL, Path("/no/such/folder")), "/no/such/folder"),
        (lambda: lab.probe(MODEL, 12), "images are 12, an int; give the name of a set"),
        (lambda: lab.probe(MODEL, np.ones((4, 3, 8, 8))), "images are of shape (4, 3, 8, 8), a ndarray; give"),
        (lambda: lab.compare(MODEL, (np.ones((4, 3, 8, 8)), [0, 1], [0, 1])), "a tuple; give the name of a set"),
        (lambda: lab.probe(MODEL, (np.ones((4, 3, 8, 8)), ["a", 1, "a", 1])), "the labels mix text ('a')"),
        (lambda: lab.probe(MODEL, split=["train", "test"]), "split is ['train', 'test'], a list"),  # type: ignore[arg-type]
        (lambda: lab.probe(MODEL, groups=[1, 2]), "which image comes where is not known yet"),
        (lambda: lab.regress(MODEL, (np.ones((4, 3, 8, 8)), [1, 2, 3])), "there are 3 labels for 4 images"),
        (lambda: lab.grades(MODEL, (np.ones((2, 3, 8, 8)), ["low", "high"])), "its place is not known"),
        (lambda: lab.open_image_set(3), "images are 3, an int; give the name of a set"),  # type: ignore[arg-type]
        (lambda: lab.open_image_set("digits", per_class="3"), "per_class is '3', a str"),  # type: ignore[arg-type]
        (lambda: lab.probe_arrays([np.ones((4, 2))], [0, 1, 0, 1]), "give a dictionary"),  # type: ignore[arg-type]
        (lambda: lab.probe(12), "an int is no model of the lab"),
        (lambda: lab.probe([]), "no model was named"),
        (lambda: lab.probe([MODEL, MODEL]), "a model was named twice"),
        (lambda: lab.probe(MODEL, preprocess=3), "brings its own"),
        (lambda: lab.compare([MODEL]), "needs two networks or more"),
        (lambda: lab.ladder(MODEL, rungs="hew"), "there is no rung 'hew'"),
        (lambda: lab.ask("slide", sise=3), "has no field 'sise'; nearest: size"),
        (lambda: lab.load_run("nothing"), "there is no run 'nothing'"),
        (lambda: lab.concat([]), "nothing to put together"),
        (lambda: Result(ProbeRequest(), {"summary": pd.DataFrame()})["sumary"], "no table 'sumary'; nearest: summary"),
        (lambda: lab.concat([3]), "a member of results is 3, an int"),  # type: ignore[list-item]
        (lambda: lab.load_run(3), "run is 3, an int; it must be the id"),  # type: ignore[arg-type]
        (lambda: lab.log(3, "tensorboard"), "result is 3, an int"),  # type: ignore[arg-type]
        (lambda: lab.Compute(batch_size="3"), "batch size is '3', a str"),  # type: ignore[arg-type]
        (lambda: lab.probe(MODEL, per_class=4, compute="cuda"), "compute is 'cuda', a str; it must be lab.Compute"),  # type: ignore[arg-type]
        (lambda: lab.probe(MODEL, per_class=4, progress=True), "progress is True, a bool; give a function"),  # type: ignore[arg-type]
        (lambda: lab.images_of_arrays([np.ones((3, 8, 8)), np.ones((3, 4, 8))], [0, 1]), "images differ in shape"),
        (lambda: lab.images_of_arrays(np.ones((2, 3, 8, 8)), [0, 1], groups=["a", None]), "image 1 has no group"),
        (lambda: lab.TrainingProbes(MODEL, None, [0, 1], ["a"]), "give the torch.nn.Module"),  # type: ignore[arg-type]
        (lambda: lab.watch(MODEL, "digits"), "give a list of them"),
        (lambda: lab.watch({"a": MODEL}, "digits"), "a step is 'a', a str; it must be a whole number"),  # type: ignore[dict-item]
        (lambda: lab.watch(["gone.pt"], "digits", network=MODEL), "there is no file 'gone.pt'"),
    ],
)
def test_wrong_use_ends_in_one_sentence(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(LabError) as caught:
        call()
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_none_all_and_lists_mean_what_they_say() -> None:
    given = ProbeRequest.from_dict({"controls": "none", "layers": ["layer1", "layer2"], "folds": np.int64(4)})
    assert (given.controls, given.layers, given.folds) == ((), "layer1,layer2", 4)
    assert ProbeRequest.from_dict({"controls": "all"}) == ProbeRequest()
    assert ProbeRequest.from_dict({"controls": "shuffled, pixels"}).controls == ("shuffled", "pixels")
    assert ProbeRequest.from_dict({"data": Path("a/b")}).data == "a/b"


def test_images_that_were_opened_are_asked_for_as_they_were(result: Result, images: ImageSet) -> None:
    """The command line repeats the very images; a part of them cannot be named, and is said to come from Python."""
    assert result.request.command() == (
        f"feature-lab probe --model={MODEL} '--data=drawn:pets?size=64' --per-class=8 --layers=stages "
        "--controls=shuffled,pixels --repeats=1"
    )
    half = picked(images, range(2, 14))
    part = lab.probe(MODEL, half, layers="layer1", controls="none", repeats=1, compute=CPU)
    assert part.request.run_id != result.request.run_id
    command = part.request.command()
    assert command.startswith("# the images drawn:pets?size=64 came from Python: lab.probe(models=(")
    assert "images=images" in command
    assert "memory:" not in command
    with pytest.raises(LabError, match=r"give them again: result\.embeddings\(images\)"):
        part.embeddings()
    assert part.embeddings(half)[f"{MODEL}/layer1"].shape[0] == 12
    with pytest.raises(LabError, match="have changed"):
        part.embeddings(images)
    with pytest.raises(LabError, match="choose among images while they are opened"):
        lab.probe(MODEL, images, per_class=4)
    mine = lab.probe(MODEL, scenes(16), layers="layer1", controls="none", repeats=1, compute=CPU)
    assert "images pictures came from Python" in mine.request.command()


def test_a_result_shows_itself(result: Result) -> None:
    page = result._repr_html_()
    assert page.count("<svg") == 1
    assert "layer4" in page
    assert "<strong>Not shown on this data:</strong>" in page
    assert "<script" not in page
    shown = result.to_pandas()
    assert shown.equals(result["summary"])
    shown["layer"] = "mine"
    assert (result["summary"]["layer"] != "mine").all()
    with pytest.raises(LabError, match="there is no table 'sumary'; nearest: summary"):
        result.to_pandas("sumary")
    assert lab.ask("slide", size=9)._repr_html_().startswith("<div>")


def test_names_are_escaped_in_a_notebook(result: Result) -> None:
    page = result.renamed({MODEL: "<b>&x"})._repr_html_()
    assert "<b>&x" not in page
    assert "&lt;b&gt;&amp;x" in page


def test_latex_is_a_table_of_booktabs(result: Result) -> None:
    text = result.to_latex(nicknames={"test_resnet": "50 % & more_"})
    assert text.startswith("\\begin{tabular}{")
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert len(rows) == 1 + result["layers"]["layer"].nunique()
    assert {row.count(" & ") for row in rows} == {rows[0].count(" & ")}
    assert "layer\\_9" not in text
    summary = result.to_latex("summary", nicknames={"test_resnet": "50 % & more_"})
    assert "50 \\% \\& more\\_" in summary
    assert MODEL not in summary


def size_of(path: Path) -> tuple[float, float]:
    found = re.search(r'<svg [^>]*width="([\d.]+)" height="([\d.]+)"', path.read_text())
    assert found
    return float(found[1]), float(found[2])


def test_charts_are_landscape_and_as_large_as_asked(result: Result, tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    for drawn in (result.chart("accuracy"), lab.accuracy_by_depth(result), lab.accuracy_by_depth(result.tables)):
        drawn.save(str(path))
        width, height = size_of(path)
        assert width == 960
        assert 1.3 < width / height < 2.5
    result.save_chart(path, width=500, height=250, theme="paper", font="Courier")
    assert size_of(path)[0] == 500
    assert size_of(path)[1] < 420
    text = path.read_text()
    assert 'fill="#ffffff"' in text
    assert "Courier" in text
    result.save_chart(path, nicknames={"test_resnet": "Ours"})
    with pytest.raises(LabError, match="there is no chart 'acuracy'; nearest: accuracy"):
        result.chart("acuracy")
    with pytest.raises(LabError, match="there is no theme 'papr'; nearest: paper"):
        result.chart(theme="papr")  # type: ignore[arg-type]
    with pytest.raises(LabError, match="width is 3; it must be from 50"):
        result.chart(width=3)
    with pytest.raises(LabError, match="no picture that can be written; end it with"):
        result.save_chart(tmp_path / "x.gif")


@pytest.mark.parametrize("dpi", [144, 300])
def test_a_png_says_its_dots_per_inch(result: Result, tmp_path: Path, dpi: int) -> None:
    path = result.save_chart(tmp_path / "x.png", "accuracy", width=480, dpi=dpi)
    with Image.open(path) as picture:
        assert picture.info["dpi"] == pytest.approx((dpi, dpi), abs=0.5)
        assert picture.width == pytest.approx(480 * dpi / 72, abs=1)


def test_nicknames_take_the_place_of_networks(result: Result) -> None:
    shown = result.renamed({"test_resnet": "Ours"})
    assert set(shown["layers"]["model"]) == {"Ours"}
    assert "Ours" in shown.verdict.sentence
    assert shown.request == result.request
    assert set(result["layers"]["model"]) == {MODEL}
    assert set(shown.embeddings()) == set(result.embeddings())
    with pytest.raises(LabError, match="there is no nickname for 'resnet18': it is not among them"):
        result.renamed({"resnet18": "Ours"})
    assert nicknames_in(["Our best=a@checkpoint:x=y"]) == {"a@checkpoint:x=y": "Our best"}
    with pytest.raises(LabError, match="is no NAME=MODEL"):
        nicknames_in(["Ours"])


def test_several_results_are_put_under_each_other(result: Result) -> None:
    joined = lab.concat({"one": result, "two": result.renamed({MODEL: "b"})}, "layers")
    assert list(dict.fromkeys(joined["result"])) == ["one", "two"]
    assert len(joined) == 2 * len(result["layers"])
    with pytest.raises(LabError, match="one has no table 'nothing'"):
        lab.concat({"one": result}, "nothing")
    with pytest.raises(LabError, match="takes several results"):
        lab.concat(result)  # type: ignore[arg-type]


def asked(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def test_runs_are_listed_loaded_labelled_and_exported(tmp_path: Path) -> None:
    few = ("--data", "drawn:pets?size=64", "--per-class", "8", "--layers", "layer4", "--controls", "none")
    code, out, told = asked("probe", f"--model={MODEL}", *few, "--repeats", "1", "--label", f"Ours={MODEL}")
    assert code == 0, told
    assert "Ours on drawn:pets" in out
    assert MODEL not in out
    listed = lab.runs()
    assert list(listed["status"]) == ["finished"]
    name = listed["run"][0]
    found = lab.load_run(name)
    assert set(found["layers"]["model"]) == {MODEL}  # a label is of what was shown, not of the run
    more = ("--label", "Ours=test_resnet", "--out", str(tmp_path))
    assert asked("export", name, "--format", "latex", *more)[0] == 0
    assert "layer4" in (tmp_path / f"{name}.tex").read_text()
    sizes = ("--chart", "accuracy", "--width", "400", "--height", "200", "--theme", "paper")
    code, out, told = asked("export", name, "--format", "svg", *sizes, *more)
    assert code == 0, told
    assert size_of(Path(out.strip()))[0] == 400
    assert asked("export", name, "--format", "png", "--width", "400", *more)[0] == 0
    code, _, told = asked("export", name, "--format", "svg", "--dpi", "9")
    assert (code, told.strip()) == (2, "feature-lab: dpi is 9; it must be from 36 to 1200")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("probe", "--modle=x"), "feature-lab probe has no option --modle; nearest: --model"),
        (("ask", "slide", "--sise=9"), "feature-lab ask slide has no option --sise; nearest: --size"),
        (("layers", "a", "b"), "feature-lab layers has no argument b; see `feature-lab layers --help`"),
    ],
)
def test_a_misspelt_option_is_answered_by_its_command(arguments: tuple[str, ...], told: str) -> None:
    code, _, found = asked(*arguments)
    assert code == 2
    assert told in found
    assert "--help`" in found


class Notebook:
    """Stands for IPython in a kernel."""

    class ZMQInteractiveShell:
        pass

    @classmethod
    def get_ipython(cls) -> Any:
        return cls.ZMQInteractiveShell()


def test_progress_fits_the_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with shown(None) as progress:
        progress("Reading", 1, 2, "images")
    assert capsys.readouterr() == ("", "")  # a script whose output goes to a file
    monkeypatch.setitem(sys.modules, "IPython", Notebook)  # type: ignore[arg-type]
    with shown(None) as progress:
        progress("Reading", 1, 2, "images")
        progress("Reading", 2, 2, "images")
        progress("Probing", 1, 4, "layers")
    told = capsys.readouterr().err
    assert "Reading: 100%" in told
    assert "Probing:  25%" in told
    seen: list[str] = []
    with shown(lambda stage, *_: seen.append(stage)) as progress:
        progress("Mine", 0, 1, "steps")
    assert seen == ["Mine"]


def test_the_version_is_that_of_the_package_and_of_the_citation() -> None:
    assert lab.__version__ == "0.1.0" or re.fullmatch(r"\d+\.\d+\.\d+.*", lab.__version__)
    cited = (ROOT / "CITATION.cff").read_text()
    assert re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M)[1] in cited  # type: ignore[index]
    assert set(lab.__all__) <= set(dir(lab))
