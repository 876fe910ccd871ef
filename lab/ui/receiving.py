"""Uploads go to disk as they come, not through memory.

Streamlit keeps what is uploaded as bytes in the server's memory, for as long as the browser session lasts. This ASGI
middleware stands before its upload endpoint: the file in the request's form is written to a file piece by piece, and
streamlit is handed a form with a receipt for it instead (`lab.images.uploads`), so that its own checks (session, XSRF)
and its widget stay as they are. A file that streamlit turns away is removed.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from urllib3.filepost import encode_multipart_formdata

from lab.images.uploads import incoming_file, receipt

ENDPOINT = re.compile(r".*/_stcore/upload_file/[^/]+/[^/]+")
BINARY = "application/octet-stream"
FORM_BYTES = 64 * 1024  # what a form takes beside its file
SPARE_BYTES = 256 * 1024 * 1024  # stays free on the disk


class Refused(Exception):
    """Why an upload is not taken: an HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class UploadsToDisk:
    """ASGI middleware: replaces the file of an upload by a receipt for where it was written; at most `most` bytes."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "PUT" or not ENDPOINT.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        path = incoming_file()
        taken = False

        async def watching(message: Message) -> None:
            nonlocal taken
            taken = taken or (message["type"] == "http.response.start" and message["status"] < 300)
            await send(message)

        try:
            body, kind = await self._written(Request(scope, receive), path)
            await self.app(_with_body(scope, body, kind), _giving(body, receive), watching)
        except Refused as refused:
            await PlainTextResponse(str(refused), status_code=refused.status)(scope, receive, send)
        except ClientDisconnect:
            return
        finally:
            if not taken:
                path.unlink(missing_ok=True)

    async def _written(self, request: Request, path: Path) -> tuple[bytes, str]:
        """Write the file of the request's form to `path`; return a form with its receipt, and the form's type."""
        self._check(int(size) if (size := request.headers.get("content-length", "")).isdecimal() else 0, path)
        with path.open("xb") as file:
            form = _Form(request.headers.get("content-type", ""), file)
            count = 0
            async for chunk in request.stream():
                count += len(chunk)
                self._check(count, path)
                await run_in_threadpool(form.write, chunk)
        if not form.complete:
            raise Refused(400, "Expected 1 file, and the upload ended before it did.")
        return encode_multipart_formdata({"file": (form.name, receipt(path).decode(), form.kind)})

    def _check(self, size: int, path: Path) -> None:
        if size > self.most + FORM_BYTES:
            raise Refused(413, f"The file is too large; at most {self.most / 2**20:.0f} MB are taken.")
        free = shutil.disk_usage(path.parent).free
        if free < SPARE_BYTES:
            raise Refused(507, f"The disk is nearly full ({free / 2**20:.0f} MB free); free some space and try again.")


class _Form:
    """Reads a form that holds one file and nothing else, and writes the file to `file` piece by piece."""

    def __init__(self, kind: str, file: BinaryIO) -> None:
        media, options = parse_options_header(kind)
        if media != b"multipart/form-data" or not options.get(b"boundary"):
            raise Refused(400, "The upload cannot be read: it is no form.")
        self.name, self.kind, self.complete = "", BINARY, False
        self._file, self._parts = file, 0
        self._header, self._headers = [b"", b""], dict[bytes, bytes]()
        calls: Any = {
            "on_header_field": lambda data, start, end: self._collect(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._collect(1, data[start:end]),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._headers_ended,
            "on_part_data": lambda data, start, end: self._file.write(data[start:end]),
            "on_end": self._ended,
        }
        self._parser = MultipartParser(options[b"boundary"], calls)

    def write(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Refused(400, f"The upload cannot be read: {error}.") from error

    def _collect(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _header_ended(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _headers_ended(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._parts += 1
        if self._parts > 1 or b"filename" not in options:
            raise Refused(400, "Expected 1 file and nothing else.")
        self.name = options[b"filename"].decode(errors="replace")
        self.kind = self._headers.get(b"content-type", b"").decode("latin-1") or BINARY

    def _ended(self) -> None:
        self.complete = self._parts == 1


def _with_body(scope: Scope, body: bytes, kind: str) -> Scope:
    """Return the request as if `body` had been sent."""
    replaced = (b"content-length", b"content-type", b"transfer-encoding")
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in replaced]
    headers += [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    return {**scope, "headers": headers}


def _giving(body: bytes, receive: Receive) -> Receive:
    given = False

    async def first_body() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return first_body
