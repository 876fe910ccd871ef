"""Uploads reach the disk as they come; the widget gets a receipt, and memory stays where it was."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from lab.images.uploads import uploads_dir
from lab.ui.receiving import UploadsToDisk

PLACE = "/_stcore/upload_file/session/file"
MEGABYTE = 1 << 20


def client(*, most: int = 64 * MEGABYTE, answer: int = 204, seen: list[Any] | None = None) -> TestClient:
    """A server that reads forms as streamlit does."""

    async def endpoint(request: Request) -> Response:
        async with request.form() as form:
            (file,) = form.values()
            assert isinstance(file, UploadFile)
            if seen is not None:
                seen.append((file.filename, file.content_type, await file.read()))
        return Response(status_code=answer)

    async def elsewhere(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    routes = [Route("/_stcore/upload_file/{session}/{file}", endpoint, methods=["PUT"]),
              Route("/other", elsewhere, methods=["PUT"])]  # fmt: skip
    return TestClient(Starlette(routes=routes, middleware=[Middleware(UploadsToDisk, most=most)]))


def incoming() -> list[Path]:
    folder = uploads_dir() / ".incoming"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 9000], ids=["empty", "a byte", "2 MB"])
@pytest.mark.parametrize("name", ["pets.zip", 'a "quoted" ü.zip', "../../etc/passwd"])
def test_the_file_is_on_disk_and_a_receipt_in_its_place(content: bytes, name: str) -> None:
    seen: list[Any] = []
    assert client(seen=seen).put(PLACE, files={"file": (name, content, "application/zip")}).status_code == 204
    (path,) = incoming()
    assert path.read_bytes() == content
    ((told, kind, receipt),) = seen
    assert kind == "application/zip"
    assert receipt.decode().endswith(path.name)
    assert told.replace("%22", '"') == name


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def body() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="f"; filename="big.zip"\r\n\r\n'
        for _ in range(48):
            yield bytes(MEGABYTE)
        yield b"\r\n--b--\r\n"

    server = client()
    server.put(PLACE, files={"file": ("x", b"1")})
    # The client of the test collects a body before it sends it: what counts is what is added to that.
    sent = b"".join(body())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        answer = server.put(PLACE, content=sent, headers={"Content-Type": "multipart/form-data; boundary=b"})
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert answer.status_code == 204
    assert max(path.stat().st_size for path in incoming()) == 48 * MEGABYTE
    assert peak < 2.2 * len(sent), "the client's own copies, and nothing of the server's"


@pytest.mark.parametrize("answer", [400, 403, 413, 500])
def test_what_streamlit_turns_away_is_removed(answer: int) -> None:
    assert client(answer=answer).put(PLACE, files={"file": ("pets.zip", b"x" * 1000)}).status_code == answer
    assert incoming() == []


def test_too_large_a_file_is_refused_while_it_comes() -> None:
    server = client(most=MEGABYTE)
    assert server.put(PLACE, files={"file": ("pets.zip", bytes(2 * MEGABYTE))}).status_code == 413
    pieces = (bytes(MEGABYTE // 2) for _ in range(8))
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n'
    told = {"Content-Type": "multipart/form-data; boundary=b"}  # and no length
    assert server.put(PLACE, content=iter([head, *pieces]), headers=told).status_code == 413
    assert incoming() == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=b", b"nonsense"),
        ("multipart/form-data", b"--b\r\n"),
        ("text/plain", b"x"),
        ("", b"x"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n--b--\r\n'),
        (
            "multipart/form-data; boundary=b",
            2 * b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\nx\r\n' + b"--b--\r\n",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"x" * 200_000 + b"\r\n--b--\r\n",
        ),
    ],
    ids=["garbage", "no boundary", "text", "no type", "a field", "two files", "a long field"],
)
def test_a_form_of_anything_but_one_file_is_refused(kind: str, body: bytes) -> None:
    assert client().put(PLACE, content=body, headers={"Content-Type": kind}).status_code == 400
    assert incoming() == []


def test_a_full_disk_is_told_before_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.ui.receiving.SPARE_BYTES", 1 << 60)
    answer = client().put(PLACE, files={"file": ("pets.zip", b"x")})
    assert (answer.status_code, "disk is nearly full" in answer.text) == (507, True)
    assert incoming() == []


def test_other_requests_pass_as_they_are() -> None:
    assert client().put("/other", content=io.BytesIO(b"x" * 1000)).text == "1000"
    assert incoming() == []
