"""Uploads go to disk as they come, not through memory.

Streamlit keeps what is uploaded as bytes in the server's memory, for as long as the browser session lasts. This ASGI
middleware stands before its upload endpoint: the file in the request's form is written to a file piece by piece, and
streamlit is handed a form with a receipt for it instead (`lab.images.uploads`), so that its own checks (session, XSRF)
and its widget stay as they are. A file that streamlit turns away is removed.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, create_form_parser
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from urllib3.filepost import encode_multipart_formdata

from lab.images.uploads import incoming_file, receipt

ENDPOINT = re.compile(r".*/_stcore/upload_file/[^/]+/[^/]+")
BINARY = "application/octet-stream"
FORM_BYTES = 64 * 1024  # what a form may hold beside its file
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
        files: list[File] = []
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            parser = _parser(request.headers, files, folder)
            count = 0
            try:
                async for chunk in request.stream():
                    count += len(chunk)
                    self._check(count, path)
                    await run_in_threadpool(parser.write, chunk)
                    _check_form(files, folder, count)
                parser.finalize()
            except FormParserError as error:
                raise Refused(400, f"The upload cannot be read: {error}.") from error
            finally:
                parser.close()
            if len(files) != 1:
                raise Refused(400, f"Expected 1 file, but got {len(files)}.")
            return _moved(files[0], path)

    def _check(self, size: int, path: Path) -> None:
        if size > self.most + FORM_BYTES:
            raise Refused(413, f"The file is too large; at most {self.most / 2**20:.0f} MB are taken.")
        free = shutil.disk_usage(path.parent).free
        if free < SPARE_BYTES:
            raise Refused(507, f"The disk is nearly full ({free / 2**20:.0f} MB free); free some space and try again.")


def _parser(headers: Headers, files: list[File], folder: str) -> Any:
    config = {"UPLOAD_DIR": folder, "UPLOAD_DELETE_TMP": False, "MAX_MEMORY_FILE_SIZE": -1}
    given = {"Content-Type": headers.get("content-type", "").encode("latin-1")}
    try:
        return create_form_parser(given, lambda _: None, files.append, config)
    except (FormParserError, ValueError) as error:
        raise Refused(400, f"The upload cannot be read: {error}.") from error


def _check_form(files: list[File], folder: str, count: int) -> None:
    """Raise Refused for a form of anything but one file: the parser keeps everything else in memory."""
    if len(files) > 1:
        raise Refused(400, "Expected 1 file, but got more.")
    if count > FORM_BYTES and not os.listdir(folder):
        raise Refused(400, "Expected a file, but got none.")


def _moved(file: File, path: Path) -> tuple[bytes, str]:
    """Move what was written to `path`; return a form with its receipt, and the form's type."""
    written = file.actual_file_name
    file.close()
    if written is None:  # an empty file is never written
        path.touch()
    else:
        Path(os.fsdecode(written)).replace(path)
    name = (file.file_name or b"").decode(errors="replace")
    return encode_multipart_formdata({"file": (name, receipt(path).decode(), file.content_type or BINARY)})


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
