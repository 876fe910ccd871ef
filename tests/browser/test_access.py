"""The locked dashboard in a real browser: its own pages work under its policy, other people's pages get nothing."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fake_runs import finished_run
from test_journey import settled

from lab.experiments.separability.request import ProbeRequest

PAGES = ("", "separability", "embedding_maps", "compare", "how_layers_build", "break_the_stack", "attributions",
         "channels", "train_and_watch", "models", "runs", "self_check")  # fmt: skip
NOSY = """<!doctype html><title>nosy</title><img id=media><iframe src="{base}/"></iframe><script>
const seen = {{}};
const done = name => what => {{ seen[name] = String(what); document.title = Object.keys(seen).length; }};
fetch("{base}/_stcore/health", {{credentials: "include"}}).then(() => done("fetch")("yes"), () => done("fetch")("no"));
const ws = new WebSocket("{ws}/_stcore/stream", ["streamlit"]);
ws.onopen = () => done("ws")("yes"); ws.onerror = () => done("ws")("no");
const image = document.getElementById("media");
image.onload = () => done("img")("yes"); image.onerror = () => done("img")("no");
image.src = "{base}/favicon.png";
window.seen = seen;
</script>"""


def test_pages_and_charts_work_under_the_policy(dashboard: Any, page: Any) -> None:
    run = finished_run(ProbeRequest().canonical())
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text) if "Content Security Policy" in told.text else None)
    page.goto(dashboard.at(f"separability?run={run.id}"))
    page.locator(".st-key-accuracy_chart svg.marks").wait_for()
    settled(page)
    assert "token" not in page.url
    for name in PAGES:
        page.goto(f"{dashboard.url}/{name}")
        settled(page)
    assert complaints == []


def test_a_browser_without_the_token_sees_how_to_get_in(dashboard: Any, page: Any) -> None:
    page.goto(f"{dashboard.url}/runs")
    page.get_by_role("heading", name="locked").wait_for()
    page.get_by_label("token").fill(dashboard.token)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="Runs").wait_for()


@pytest.fixture
def nosy_page(dashboard: Any) -> Iterator[str]:
    """Another program on this computer that serves a page which tries what it can."""
    text = NOSY.format(base=dashboard.url, ws=dashboard.url.replace("http", "ws"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_another_page_on_localhost_reaches_nothing(dashboard: Any, page: Any, nosy_page: str) -> None:
    page.goto(dashboard.at("runs"))  # this browser holds the cookie, which goes to every port of localhost
    page.get_by_role("heading", name="Runs").wait_for()
    page.goto(nosy_page)
    page.wait_for_function("Object.keys(window.seen).length === 3")
    assert page.evaluate("window.seen") == {"fetch": "no", "ws": "no", "img": "no"}
    assert page.frames[1].url == "chrome-error://chromewebdata/", "it must not be shown inside another page"
