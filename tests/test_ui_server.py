"""The dashboard's server: how it is started from anywhere, whom it listens to, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import psutil
import pytest

from lab.errors import LabError
from lab.ui.routes import dashboard_file
from lab.ui.server import address, command, serve

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_option_of_the_config_file_is_passed() -> None:
    words = command(9999)
    config = tomllib.loads(dashboard_file("config.toml").read_text())
    assert "--browser.gatherUsageStats=false" in words
    assert f"--theme.dark.primaryColor={config['theme']['dark']['primaryColor']}" in words
    assert f"--theme.dark.sidebar.backgroundColor={config['theme']['dark']['sidebar']['backgroundColor']}" in words
    assert not any("{" in word or "[" in word for word in words), "a list or table cannot be a command line flag"


def test_streamlit_knows_every_option_that_is_passed() -> None:
    from streamlit import config

    names = {word[2:].split("=")[0] for word in command(9999) if word.startswith("--")}
    assert names <= set(config._config_options_template)


@pytest.mark.parametrize("page", ["overview", "separability", "embedding_maps", "runs"])
def test_pages_are_found(page: str) -> None:
    assert dashboard_file(f"pages/{page}.py").is_file()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"pages/nothing\.py"):
        dashboard_file("pages/nothing.py")


def test_the_address_opens_a_run() -> None:
    assert address(8501) == "http://localhost:8501"
    assert address(8501, "probe-1") == "http://localhost:8501/separability?run=probe-1"


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(LabError, match="in use"):
            serve(None, port=taken.getsockname()[1], open_browser=False)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_this_computer_only_and_ends_cleanly(how: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    code = f"from lab.ui.server import serve; serve('probe-1', port={port}, open_browser=False)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    # In a folder of its own and in a group of its own, as a terminal would start it.
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert f"http://localhost:{port}/separability?run=probe-1" in process.stdout.readline()
        with urllib.request.urlopen(f"http://localhost:{port}/") as page:
            assert b"<html" in page.read()
        server = psutil.Process(process.pid).children()[0]
        heard_on = {c.laddr.ip for c in server.net_connections() if c.status == psutil.CONN_LISTEN}
        assert heard_on <= {"127.0.0.1", "::1"}
        began = time.monotonic()
        process.send_signal(how)
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - began < 8
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]
        assert not any(tmp_path.iterdir())
