"""Start the dashboard as a streamlit server of its own, from a checkout or an installed wheel, in any folder.

Every option of the dashboard's config file is passed on the command line, so neither the folder it is started in nor
a streamlit configuration of the user's changes how it looks or whom it listens to. What it leaves out: serving to
other computers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.ui.routes import dashboard_file
from lab.weights.zoo import architectures

FIRST_PORT, PORTS_TRIED = 8501, 100
START_SECONDS = 60


def serve(run_id: str | None = None, *, port: int | None = None, open_browser: bool = True) -> int:
    """Serve the dashboard, opened on a run if one is named, until Ctrl-C; return the exit status.

    Meanwhile this process, which has nothing else to do, reads the names of all networks off timm's files, once per
    version of timm: the pages find them in the cache folder when someone searches.

    Raises LabError when the port is taken or the server does not come up.
    """
    chosen = port or _free_port()
    if port is not None and not _is_free(port):
        raise LabError(f"port {port} is in use by another program; choose another with --port")
    with _server(chosen) as process:
        _wait_until_up(process, chosen)
        link = address(chosen, run_id)
        print(f"The dashboard is at {link}\nPress Ctrl-C to stop it.", flush=True)
        if open_browser:
            _open(link)
        with _stopped_by_signals():
            architectures()
            return process.wait()
    return 0


def address(port: int, run_id: str | None = None) -> str:
    """Return the dashboard's URL, of the page that shows run `run_id` if one is named."""
    base = f"http://localhost:{port}"
    return f"{base}/separability?{urllib.parse.urlencode({'run': run_id})}" if run_id else base


def command(port: int) -> list[str]:
    """Return the command line that starts the server."""
    options = {**_options(), "server.port": port, "server.headless": True}
    flags = [f"--{name}={_flag(value)}" for name, value in options.items()]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(dashboard_file("app.py")), *flags]


def _options() -> dict[str, Any]:
    config = tomllib.loads(dashboard_file("config.toml").read_text())
    return dict(_flatten(config, ""))


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _flag(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@contextlib.contextmanager
def _server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server; at the end it gets time to stop by itself, then it is killed."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    process = subprocess.Popen(
        command(port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        yield process
    except KeyboardInterrupt:
        print("\nThe dashboard has stopped. Runs under way go on and are found again at the next start.")
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Treat a polite request to end this process like Ctrl-C, so that the server never outlives it."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LabError(f"the dashboard's server ended at once (status {process.returncode}); see the lines above")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1).close()
            return
        time.sleep(0.1)
    raise LabError(f"the dashboard's server did not answer on port {port} within {START_SECONDS} s")


def _open(link: str) -> None:
    """Open the page where there is a browser with a window to open it in; the link is printed anyway."""
    import webbrowser

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return  # a text browser would take over this terminal
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(link)


def _free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        if _is_free(port):
            return port
    raise LabError(f"ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are all in use; name a free one with --port")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
