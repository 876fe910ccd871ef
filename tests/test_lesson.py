"""A run as slides: the plan as a file, what is hidden, keys, type for a projector, and editing in the page."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tables import synthetic_result

from lab.errors import LabError
from lab.experiments.result import Result
from lab.export.formats import export_run
from lab.export.lesson import render_lesson
from lab.export.lesson.of_run import slides_of
from lab.export.lesson.plan import Plan, Step, read_plan
from lab.export.lesson.probe_slides import verdict_step
from lab.export.lesson.slides import LEAST_FONT, legible
from lab.runs.examples import VARIABLE, examples_dir
from lab.runs.folder import RunFolder

EVIL = '</script><script>window.hacked=1</script>"""\\ \x7f\u2028 id="plan">'
FIVE_MEGABYTES = 5_000_000
# The size on the screen of every text of a chart.
SIZES = """() => [...document.querySelectorAll('svg.marks text')].filter(text => text.textContent.trim()).map(text => {
  const matrix = text.getScreenCTM();
  return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b); })"""


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic_result()


@pytest.fixture(scope="module")
def lesson(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lesson") / "lesson.html"
    path.write_text(render_lesson(result), encoding="utf-8")
    return path


@pytest.fixture
def page(browser: Any) -> Any:
    """A page of a projector's size that reaches nothing and reports what goes wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True, accept_downloads=True)
    opened = context.new_page()
    opened.emulate_media(reduced_motion="reduce")
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert wrong == []


def title(page: Any) -> str:
    return str(page.locator("h1").inner_text())


def drawn(page: Any) -> None:
    page.wait_for_function("labLesson.shown().chart")


def test_a_plan_survives_its_file(result: Result, tmp_path: Path) -> None:
    plan = slides_of(result, phone=False).plan
    evil = Plan(EVIL, (*plan.steps, Step(title=EVIL, options=(EVIL, "b"), right=2, hide=True)))
    path = tmp_path / "plan.toml"
    path.write_text(evil.as_toml(), encoding="utf-8")
    assert read_plan(path) == evil
    (tmp_path / "plan.json").write_text(json.dumps(evil.as_dict()))
    assert read_plan(tmp_path / "plan.json") == evil


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps = 3", "needs 1 to 200 steps"),
        ("steps = []", "needs 1 to 200 steps"),
        ("[[steps]]\ntitel = 'x'", "no field 'titel'; nearest: title"),
        ("[[steps]]\nhide = 1", "hide is 1; it must be true or false"),
        ("[[steps]]\noptions = [1]", "must be a list of texts"),
        ("[[steps]]\noptions = ['a']\nright = 2", "calls option 2 right"),
        ("[[steps", "neither TOML nor JSON"),
    ],
)
def test_a_wrong_plan_is_one_sentence(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(LabError, match=told.replace("[", r"\[")):
        read_plan(path)


def test_a_plan_that_shows_what_is_not_there_is_refused(result: Result, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has not; nearest: curve"):
        render_lesson(result, Plan("x", (Step(show="curves"),)))
    with pytest.raises(LabError, match="a plan is for --format lesson"):
        export_run(result, "csv", tmp_path, plan=Plan("x", (Step(),)))


def test_what_is_asked_has_the_runs_own_answer(result: Result) -> None:
    steps = {step.show: step for step in slides_of(result, phone=False).plan.steps}
    assert list(steps)[:4] == ["verdict", "story", "curve", "maps"]
    for outcome, right in (("for", "Yes"), ("against", "No"), ("undecided", "These images cannot tell")):
        verdicts = {model: {**v, "outcome": outcome} for model, v in result.manifest["verdicts"].items()}
        step = verdict_step(
            replace(result, manifest={**result.manifest, "verdicts": verdicts}), next(iter(verdicts)), ""
        )
        assert step.options[step.right - 1] == right
    summary = result["summary"]
    last = summary[summary["control"] == "untrained"].sort_values("depth")["accuracy"].iloc[-1]
    assert f"{last:.2f}" in steps["untrained"].told
    images = result["images"].set_index("image")["class"]
    asked = [step for name, step in steps.items() if name.startswith("image-")]
    assert len(asked) == 3
    assert all(step.options[step.right - 1] == images[step.notes] for step in asked)


def test_every_kind_of_run_becomes_a_lesson_of_five_megabytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    folder = examples_dir()
    assert folder is not None
    kinds = {path.name.rpartition("-")[0]: path for path in sorted(folder.iterdir())}
    for kind in ("attribute", "filter", "slide", "collapse"):
        found = RunFolder(kinds[kind]).result()
        text = render_lesson(found, present=True)
        assert len(text.encode()) <= FIVE_MEGABYTES
        assert all(html_safe(sentence) in text for sentence in found.findings)


def html_safe(text: str) -> str:
    import html

    return html.escape(text)


def test_charts_that_have_no_room_are_left_out_and_named(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.export.lesson.slides.MOST_BYTES", 100_000)
    slides = slides_of(result, phone=False)
    assert "maps" in slides.left_out
    assert "maps" not in {step.show for step in slides.plan.steps}
    assert "maps" in slides.plan.steps[0].notes


def test_no_text_is_laid_out_small() -> None:
    spec = {
        "config": {"axis": {"labelFontSize": 9}},
        "layer": [{"mark": {"fontSize": 20}}],
        "datasets": {"a": [{"fontSize": 1}]},
    }
    assert legible(spec) == {
        "config": {"axis": {"labelFontSize": LEAST_FONT}}, "layer": [{"mark": {"fontSize": 20}}],
        "datasets": {"a": [{"fontSize": 1}]},
    }  # fmt: skip


def test_one_predicts_and_then_sees(lesson: Path, page: Any) -> None:
    began = time.perf_counter()
    page.goto(lesson.as_uri())
    page.locator(".options button").first.wait_for()
    page.keyboard.press("2")  # the second answer
    page.locator(".verdict").first.wait_for()
    seconds = time.perf_counter() - began
    print(f"interactive after {seconds:.1f} s")
    assert seconds < 10  # 3 on a machine that has nothing else to do
    assert "You said “No”" in page.locator(".told").inner_text()
    page.keyboard.press("ArrowRight")
    drawn(page)
    assert title(page) == "The whole story in one picture"
    page.keyboard.press("ArrowRight")
    assert page.locator("svg.marks").count() == 0, "the answer is hidden until it is predicted"
    page.keyboard.press("ArrowRight")
    drawn(page)
    assert title(page) == "Layer by layer"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("End")
    assert title(page) == "Do it again"
    assert not page.locator(".notes").is_visible()


def test_a_projector_sees_no_controls_and_type_of_twenty_pixels(result: Result, page: Any, tmp_path: Path) -> None:
    path = tmp_path / "present.html"
    path.write_text(render_lesson(result, present=True), encoding="utf-8")
    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        page.goto("about:blank")
        page.goto(path.as_uri())
        seen = [title(page)]
        assert page.locator(".verdict").first.is_visible(), "nothing is hidden"
        for _ in range(3):
            page.keyboard.press("ArrowRight")
            drawn(page)
            page.wait_for_timeout(150)
            seen.append(title(page))
            assert min(page.evaluate(SIZES)) >= 19.9
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("button:visible, input:visible").count() == 0
        assert seen[1:] == [
            "The whole story in one picture",
            "Layer by layer",
            "Through the layers, one map at a time",
        ]
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.querySelector('input[type=range]').value === '1'")


def test_a_teacher_edits_the_page_and_saves_it(lesson: Path, page: Any, tmp_path: Path) -> None:
    page.goto(lesson.as_uri())
    page.keyboard.press("e")
    editor = page.locator("#editor")
    page.get_by_role("button", name="leave out: The whole story").click()
    page.get_by_role("button", name="earlier: Layer by layer").click()
    page.get_by_role("button", name="Add a question").click()
    editor.locator("li").last.get_by_label("Question, before it is shown").fill(EVIL)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the lesson").click()
    saved.value.save_as(tmp_path / "mine.html")
    page.goto((tmp_path / "mine.html").as_uri())
    plan = json.loads(page.locator("#plan").text_content())
    shown = [step["show"] for step in plan["steps"]]
    assert shown[:2] == ["curve", "verdict"]
    assert "story" not in shown
    page.keyboard.press("End")
    assert title(page).startswith("</script>")
    assert page.evaluate("window.hacked") is None
    assert len((tmp_path / "mine.html").read_bytes()) < lesson.stat().st_size + 10_000, (
        "as it came, nothing drawn in it"
    )


def test_a_lesson_fits_a_phone(lesson: Path, page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for number in (1, 2, 3, 4):
        page.goto("about:blank")
        page.goto(f"{lesson.as_uri()}#{number}")
        page.keyboard.press("Enter") if page.evaluate("labLesson.shown().waits") else None
        page.wait_for_timeout(400)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
