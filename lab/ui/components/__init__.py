"""Pieces of a page that a script of the lab's own draws in the browser: `static/NAME.js`, with `static/NAME.css`.

A script comes as a file from the dashboard's server, since its policy (`lab.ui.access`) lets no other run. What is
large goes the same way (`file_url`); the message channel carries what is chosen, and little else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.runtime import get_instance

OWNER, FOLDER = "feature-lab", "static"


def mount(name: str, data: Any, *, key: str, **changes: Callable[[], None]) -> Any:
    """Show component `name` with `data` (JSON) and return its state.

    `changes` are callbacks by what changes: `layer` is called when the script sets the state `layer`.
    """
    manager, full = get_bidi_component_manager(), f"{OWNER}.{name}"
    if manager.get_component_asset_root(full) is None:
        manifest = ComponentManifest(OWNER, "1", [ComponentConfig(name, FOLDER)])
        manager.register_from_manifest(manifest, Path(__file__).parent)
    shown = st.components.v2.component(full, js=f"{name}.js", css=f"{name}.css", html='<div class="lab"></div>')
    called: dict[str, Any] = {f"on_{what}_change": change for what, change in changes.items()}
    return shown(key=key, data=data, **called)


def file_url(data: bytes, *, key: str, kind: str = "application/octet-stream") -> str:
    """Return where the browser gets `data` from; it is there as long as a session's page names it."""
    return str(get_instance().media_file_mgr.add(data, kind, f"file_of_{key}"))
