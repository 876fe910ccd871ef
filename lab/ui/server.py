"""Start the dashboard as a server process of its own, from a checkout or an installed wheel, in any folder.

Every option of the dashboard's config file is handed over, so neither the folder it is started in nor a streamlit
configuration of the user's changes how it looks or whom it listens to. Nobody gets in without the token of the link
(`lab.ui.access`). On a network it is served only when an address is given, and then reads only below the roots that
were given with it (`lab.roots`).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.ui.routes import dashboard_file
from lab.ui.sharing import EVERYWHERE, LOCAL, Sharing, in_url
from lab.weights.zoo import architectures

FIRST_PORT, PORTS_TRIED = 8501, 100
START_SECONDS = 60
TOKEN_VARIABLE, SHORTEST_TOKEN = "FEATURE_LAB_TOKEN", 20


@dataclass(frozen=True)
class Served:
    """A dashboard that is up: its process, and what its links are made of."""

    process: subprocess.Popen[bytes]
    base: str
    token: str = field(repr=False)

    def link(self, run_id: str | None = None) -> str:
        """Return the URL that opens it, on the page that shows run `run_id` if one is named."""
        query = {"run": run_id, "token": self.token} if run_id else {"token": self.token}
        return f"{self.base}/{'separability' if run_id else ''}?{urllib.parse.urlencode(query)}"


def serve(
    run_id: str | None = None, *, port: int | None = None, open_browser: bool = True, sharing: Sharing | None = None
) -> int:
    """Serve the dashboard, opened on a run if one is named, until Ctrl-C; return the exit status.

    Meanwhile this process, which has nothing else to do, reads the names of all networks off timm's files, once per
    version of timm: the pages find them in the cache folder when someone searches.

    Raises LabError when the port is taken or the server does not come up.
    """
    sharing = sharing or Sharing()
    with served(port, sharing) as up:
        link = up.link(run_id)
        if sharing.on_network:
            print(f"On the network, for everyone who has this link. {sharing.told}")
        print(f"The dashboard is at {link}\nPress Ctrl-C to stop it.", flush=True)
        if open_browser:
            _open(link)
        with _stopped_by_signals():
            architectures()
            return up.process.wait()
    return 0


@contextlib.contextmanager
def served(port: int | None = None, sharing: Sharing | None = None) -> Iterator[Served]:
    """Give a dashboard that answers, on a port or on the first free one; it has ended when the block has.

    Raises LabError when the port is taken or the server does not come up.
    """
    sharing = sharing or Sharing()
    if port is not None and not _is_free(port, sharing.address):
        raise LabError(f"port {port} is in use by another program; choose another with --port")
    for chosen in _free_ports() if port is None else [port]:
        settings = server_settings(chosen, sharing)
        with _server(settings, sharing) as process:
            try:
                _wait_until_up(process, chosen, sharing, settings["token"])
            except LabError:
                if port is not None or process.poll() is None or _is_free(chosen):
                    raise
                continue  # another program was quicker to take this port
            yield Served(process, f"http://{sharing.host}:{chosen}", settings["token"])
        return
    raise LabError(f"ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} are all in use; name a free one with --port")


def server_settings(port: int, sharing: Sharing) -> dict[str, Any]:
    """Return what the server process is told on its standard input (`lab.ui.serving`)."""
    options = {**_options(), "server.port": port, "server.address": sharing.address, "server.headless": True}
    return {
        "token": _token(),
        "cookie": f"feature_lab_{port}",  # cookies of one host are shared by all its ports
        "hosts": sharing.hosts,
        "options": options,
    }


def _token() -> str:
    """Return the token of this session: a new one, or the one in the environment where links are to outlast it."""
    given = os.environ.get(TOKEN_VARIABLE, "")
    if given and len(given) < SHORTEST_TOKEN:
        raise LabError(f"{TOKEN_VARIABLE} has {len(given)} characters; give at least {SHORTEST_TOKEN}, or none")
    return given or secrets.token_urlsafe(32)


def _options() -> dict[str, Any]:
    config = tomllib.loads(dashboard_file("config.toml").read_text())
    return dict(_flatten(config, ""))


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@contextlib.contextmanager
def _server(settings: Mapping[str, Any], sharing: Sharing) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server; at the end it gets time to stop by itself, then it is killed."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "lab.ui.serving"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**_without_token(), **sharing.environment, "PYTHONPATH": path},
    )
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:  # one that ended at once is told by the next step
            process.stdin.write(json.dumps(settings).encode())
        yield process
    except KeyboardInterrupt:
        print("\nThe dashboard has stopped. Runs under way go on and are found again at the next start.")
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


def _without_token() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}


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


def _wait_until_up(process: subprocess.Popen[bytes], port: int, sharing: Sharing, token: str) -> None:
    host = LOCAL if sharing.address in EVERYWHERE else sharing.address
    url = f"http://{in_url(host)}:{port}/_stcore/health"
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy of the user's
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise LabError(f"the dashboard's server ended at once (status {process.returncode}); see the lines above")
        with contextlib.suppress(urllib.error.URLError, OSError):
            opener.open(asked, timeout=1).close()
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


def _free_ports() -> Iterator[int]:
    return (port for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if _is_free(port))


def _is_free(port: int, address: str = LOCAL) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except socket.gaierror as error:
            raise LabError(f"{address} is no address of this computer ({error.strerror}); see --address") from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise LabError(f"{address} is no address of this computer; see --address") from error
            return False
    return True
