"""The dashboard's server: how it is started from anywhere, whom it listens to, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from lab.errors import LabError
from lab.roots import ROOTS_VARIABLE, SHARED_VARIABLE
from lab.ui import server
from lab.ui.routes import dashboard_file
from lab.ui.server import Served, serve, server_settings
from lab.ui.sharing import Sharing

ROOT = Path(__file__).resolve().parent.parent


def asked(port: int, place: str, *, token: str = "", **headers: str) -> tuple[int, bool]:
    """The status of an answer, and whether it is streamlit's page."""
    told = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://localhost:{port}{place}", headers=told)) as answer:
            return answer.status, b"streamlit" in answer.read().lower()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b"streamlit" in error.read().lower()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_option_of_the_config_file_is_passed() -> None:
    options = server_settings(9999, Sharing())["options"]
    config = tomllib.loads(dashboard_file("config.toml").read_text())
    assert options["browser.gatherUsageStats"] is False
    assert options["server.port"] == 9999
    assert options["theme.dark.primaryColor"] == config["theme"]["dark"]["primaryColor"]
    assert options["theme.dark.sidebar.backgroundColor"] == config["theme"]["dark"]["sidebar"]["backgroundColor"]
    assert not any(isinstance(value, dict) for value in options.values())


def test_streamlit_knows_every_option_that_is_passed() -> None:
    from streamlit import config

    assert set(server_settings(9999, Sharing())["options"]) <= set(config._config_options_template)


def test_every_session_has_a_token_of_its_own_unless_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (server_settings(9999, Sharing())["token"] for _ in range(2))
    assert first != second
    assert len(first) >= 40
    monkeypatch.setenv("FEATURE_LAB_TOKEN", "given-" * 5)
    assert server_settings(9999, Sharing())["token"] == "given-" * 5
    monkeypatch.setenv("FEATURE_LAB_TOKEN", "short")
    with pytest.raises(LabError, match="at least 20"):
        server_settings(9999, Sharing())


def test_the_link_opens_a_run_with_the_token() -> None:
    up = Served(cast(Any, None), "http://localhost:8501", "secret")
    assert up.link() == "http://localhost:8501/?token=secret"
    assert up.link("probe-1") == "http://localhost:8501/separability?run=probe-1&token=secret"
    assert "secret" not in repr(up)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1", "[::1]"])
def test_here_alone_no_path_is_off_limits(address: str) -> None:
    sharing = Sharing(address)
    assert not sharing.on_network
    assert sharing.environment == {}
    assert {"localhost", "127.0.0.1", "[::1]"} == set(sharing.hosts) | {"localhost"}


@pytest.mark.parametrize("sharing", [Sharing("0.0.0.0"), Sharing("192.0.2.7"), Sharing(names=("lab.example.org",))])
def test_on_a_network_nothing_is_read_unless_a_root_is_given(sharing: Sharing) -> None:
    assert sharing.on_network
    assert sharing.environment == {ROOTS_VARIABLE: "[]", SHARED_VARIABLE: "1"}
    assert "--root" in sharing.told


def test_roots_and_names_are_those_given(tmp_path: Path) -> None:
    sharing = Sharing("192.0.2.7", ("lab.example.org",), (tmp_path,))
    assert json.loads(sharing.environment[ROOTS_VARIABLE]) == [str(tmp_path.resolve())]
    assert {"192.0.2.7", "lab.example.org"} <= set(sharing.hosts)
    assert "evil.example" not in sharing.hosts
    assert sharing.host == "lab.example.org"
    with pytest.raises(LabError, match="is not a folder"):
        Sharing(roots=(tmp_path / "nothing",))


def test_an_address_of_another_computer_is_told() -> None:
    with pytest.raises(LabError, match="no address of this computer"):
        serve(None, port=free_port(), open_browser=False, sharing=Sharing("192.0.2.7"))


@pytest.mark.parametrize("page", ["overview", "separability", "embedding_maps", "runs"])
def test_pages_are_found(page: str) -> None:
    assert dashboard_file(f"pages/{page}.py").is_file()


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"pages/nothing\.py"):
        dashboard_file("pages/nothing.py")


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
        link = process.stdout.readline().split()[-1]
        assert link.startswith(f"http://localhost:{port}/separability?run=probe-1&token=")
        token = link.rpartition("=")[2]
        assert asked(port, "/", token=token) == (200, True)
        assert asked(port, "/_stcore/health", token=token)[0] == 200
        for place in ("/", "/_stcore/health", "/_stcore/host-config", "/media/x", "/favicon.png"):
            assert asked(port, place)[0] == 403
            assert asked(port, place, token=token, Host="evil.example")[0] == 400
            assert asked(port, place, token=token, Origin="http://localhost:3000")[0] == 403
        server = psutil.Process(process.pid).children()[0]
        heard_on = {c.laddr.ip for c in server.net_connections() if c.status == psutil.CONN_LISTEN}
        about = " ".join([*server.cmdline(), *server.environ().values(), *process.args])
        assert token not in about, "other users of this computer see command lines"
        assert heard_on <= {"127.0.0.1", "::1"}
        began = time.monotonic()
        process.send_signal(how)
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - began < 8
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
        assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]
        assert not any(tmp_path.iterdir())


def test_a_port_that_another_program_was_quicker_to_take_is_passed_over(
    lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dashboards that start at the same moment find the same port free, and one of them gets it."""
    asked_of, really = [], server._is_free
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", 0))
        quicker.listen()
        taken = quicker.getsockname()[1]

        def found_free(port: int, *address: str) -> bool:
            asked_of.append(port)
            return asked_of == [taken] or really(port, *address)

        monkeypatch.setattr(server, "FIRST_PORT", taken)
        monkeypatch.setattr(server, "_is_free", found_free)
        with server.served() as up:
            assert asked_of[:2] == [taken, taken]
            assert up.base != f"http://localhost:{taken}"
            assert asked(int(up.base.rpartition(":")[2]), "/", token=up.token) == (200, True)
