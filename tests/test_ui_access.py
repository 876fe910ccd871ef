"""Who gets in: the dashboard's own names and pages, with the token; everyone else gets nothing at all."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab.ui.access import HEADERS, Access, access_middleware, content_policy
from lab.ui.index_page import IndexPage, index_page

ACCESS = Access("t" * 40, "feature_lab_8501", ("localhost", "127.0.0.1", "[::1]"))
BASE = "http://localhost:8501"
COOKIE = {"Cookie": f"{ACCESS.cookie}={ACCESS.cookie_value}"}
PLACES = ("/", "/runs", "/_stcore/health", "/_stcore/stream", "/media/abc.png", "/static/js/index.js", "/x?y=1")


async def everything(request: Request) -> Response:
    return PlainTextResponse(f"inside {request.url.query}")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("inside")
    await socket.close()


@pytest.fixture(scope="module")
def page() -> str:
    return "<head></head><script>let a = 1</script><script type=module src=./a.js></script>"


@pytest.fixture
def client(page: str) -> TestClient:
    routes = [
        WebSocketRoute("/_stcore/stream", stream),
        Route("/{rest:path}", everything, methods=["GET", "PUT", "POST", "DELETE", "OPTIONS"]),
    ]
    app = Starlette(routes=routes, middleware=access_middleware(ACCESS, page))
    return TestClient(app, base_url=BASE, follow_redirects=False)


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_url(client: TestClient) -> None:
    first = client.get(f"/separability?run=probe-1&token={ACCESS.token}")
    assert (first.status_code, first.headers["location"]) == (303, "/separability?run=probe-1")
    told = first.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=lax" in told
    assert ACCESS.token not in told
    assert client.get("/separability?run=probe-1").text == "inside run=probe-1"


@pytest.mark.parametrize("place", PLACES)
def test_without_the_token_there_is_nothing(client: TestClient, place: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD"):
        answer = client.request(method, place)
        assert answer.status_code == 403
        assert "inside" not in answer.text


@pytest.mark.parametrize("token", ["", "t", "t" * 39, "t" * 41, "ü", "T" * 40, "%00"])
def test_a_wrong_token_is_none(client: TestClient, token: str) -> None:
    assert client.get("/", params={"token": token}).status_code == 403
    assert client.get("/", headers={"Authorization": f"Bearer {token}".encode()}).status_code == 403
    assert client.get("/", headers={"Cookie": f"{ACCESS.cookie}={token}".encode()}).status_code == 403
    assert client.get("/", headers={"Cookie": f"{ACCESS.cookie}={ACCESS.token}"}).status_code == 403


def test_a_program_sends_the_token_in_a_header(client: TestClient) -> None:
    assert client.get("/runs", headers={"Authorization": f"Bearer {ACCESS.token}"}).text == "inside "


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8501", "localhost@evil", ""])
def test_other_names_are_not_answered_to(client: TestClient, host: str) -> None:
    for place in PLACES:
        answer = client.get(place, headers={"Host": host, **COOKIE})
        assert answer.status_code in (400, 403)
        assert "inside" not in answer.text
    with pytest.raises(WebSocketDisconnect):
        listen(client, host=host)


@pytest.mark.parametrize("host", ["localhost:8501", "localhost", "127.0.0.1:9000", "[::1]:8501", "LOCALHOST:8501"])
def test_its_own_names_are_answered_to_on_any_port(client: TestClient, host: str) -> None:
    """A port may be another one where a tunnel leads to it."""
    assert client.get("/runs", headers={"Host": host, **COOKIE}).text == "inside "


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://localhost"},
        {"Origin": "null"},
        {"Origin": "http://[", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_other_peoples_pages_get_nothing_even_with_the_cookie(client: TestClient, headers: dict[str, str]) -> None:
    for place in PLACES:
        assert client.get(place, headers={**headers, **COOKIE}).status_code == 403
        assert client.put(place, headers={**headers, **COOKIE}).status_code == 403
    assert client.get(f"/?token={ACCESS.token}", headers=headers).status_code == 403


def test_a_link_is_followed_from_anywhere_but_only_as_a_page(client: TestClient) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert client.get("/runs", headers={**followed, **COOKIE}).text == "inside "
    assert client.post("/runs", headers={**followed, **COOKIE}).status_code == 403


def listen(client: TestClient, *, host: str = "localhost:8501", **headers: str) -> str:
    with client.websocket_connect("/_stcore/stream", headers={"Host": host, **headers}) as socket:
        return str(socket.receive_text())


def test_the_websocket_is_for_its_own_pages_with_the_cookie(client: TestClient) -> None:
    assert listen(client, **COOKIE, Origin=BASE) == "inside"
    for refused in (
        {"Origin": BASE},
        {**COOKIE, "Origin": "http://localhost:3000"},
        {**COOKIE, "Origin": "http://evil.example"},
        {**COOKIE, "Origin": "null"},
        {"Cookie": f"{ACCESS.cookie}=0"},
        {},
    ):
        with pytest.raises(WebSocketDisconnect):
            listen(client, **refused)


def test_it_sends_nobody_elsewhere(client: TestClient) -> None:
    for place in ("//evil.example/", "/\\evil.example", "///evil.example?a=1", "//evil.example//..//"):
        target = client.get(f"{BASE}{place}", params={"token": ACCESS.token}).headers["location"]
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))


@pytest.mark.parametrize("inside", [True, False])
def test_every_answer_has_the_headers(client: TestClient, inside: bool) -> None:
    answer = client.get("/media/x.svg", headers=COOKIE if inside else {})
    assert HEADERS.items() <= {name: answer.headers.get(name) for name in HEADERS}.items()
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-eval'" not in policy


def test_only_the_pages_own_inline_scripts_may_run(page: str) -> None:
    script = next(p for p in content_policy(page).split("; ") if p.startswith("script-src"))
    # The digest of "let a = 1", from openssl dgst -sha256 -binary | base64.
    assert script == "script-src 'self' 'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='"


def test_a_page_is_told_where_its_server_is_and_everything_else_is_streamlits(page: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(page)
    page = index_page(tmp_path)
    routes = [Route("/{rest:path}", everything, methods=["GET", "POST"])]
    client = TestClient(Starlette(routes=routes, middleware=[Middleware(IndexPage, page=page)]), base_url=BASE)
    as_page = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for place in ("/", "/separability?view=Labels"):
        assert "BACKEND_BASE_URL" in client.get(place, headers=as_page).text
    for place in ("/_stcore/health", "/favicon.png", "/static/js/a.js"):
        assert "BACKEND_BASE_URL" not in client.get(place, headers=as_page).text
    assert "BACKEND_BASE_URL" not in client.get("/runs", headers={"Sec-Fetch-Mode": "cors"}).text
    assert content_policy(page).count("sha256-") == 2


def test_the_scripts_of_charts_are_named_in_the_page_each_once_and_all_of_them(tmp_path: Path) -> None:
    scripts = {"ArrowVegaLiteChart.x.js": 'import{a}from"./b.js";import"./index.js"', "b.js": "export*from'./c.d.js'",
               "c.d.js": 'import"./b.js";import"./gone.js"', "other.js": "", "index.js": ""}  # fmt: skip
    folder = tmp_path / "static" / "js"
    folder.mkdir(parents=True)
    for name, text in scripts.items():
        (folder / name).write_text(text)
    (tmp_path / "index.html").write_text('<head><script src="./static/js/index.js"></script></head>')

    def named(static: Path) -> list[str]:
        """Return what is asked for, by a script that waits until the page is there."""
        (text,) = re.findall(r'addEventListener\("load", .*?const name of (\[.*?\])', index_page(static), re.DOTALL)
        return sorted(json.loads(text))

    assert named(tmp_path) == ["ArrowVegaLiteChart.x.js", "b.js", "c.d.js"]
    assert "modulepreload" not in index_page(tmp_path).partition("addEventListener")[0], "in the way of the first paint"
    streamlits = named(Path(streamlit.__file__).parent / "static")
    assert len([name for name in streamlits if name.startswith("embed.")]) == 1  # Vega itself is among them


def test_the_token_is_not_in_what_is_printed_of_it() -> None:
    shown: Any = repr(ACCESS)
    assert ACCESS.token not in shown
