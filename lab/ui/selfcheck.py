"""The certificate on a page: systems whose right answer is known, what was expected and what was found."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime

import streamlit as st

from lab.runs.examples import examples_dir
from lab.runs.processes import process_lives, process_started
from lab.selfcheck.certificate import Certificate, last_certificate, read_certificate
from lab.ui.run_labels import example_note, shown_time
from lab.ui.text import count, duration, escaped

EXAMPLE = "selfcheck.json"
POLL_SECONDS = 2.0
LEAD = (
    "Systems with a known answer, put through the same functions as your images. In a terminal: `feature-lab "
    "selfcheck`."
)


def selfcheck_section() -> None:
    """Show the last certificate, and a button that makes a new one in a process of its own."""
    with st.container(key="selfcheck"):
        st.markdown(LEAD)
        if _under_way():
            _watch()
            return
        if st.button("Check now", key="selfcheck_start", icon=":material/verified:"):
            _start()
            st.rerun()
        if (found := last_certificate()) is not None:
            _show(found)
        elif (example := _example()) is not None:
            st.markdown(example_note(shown_time(datetime.fromisoformat(example.created)), example.versions))
            st.caption("Made on another computer; nothing was checked here yet.")
            _show(example)
        else:
            st.caption("Nothing was checked here yet.")


def _example() -> Certificate | None:
    """Return the certificate that came with the lab, of the computer that made it."""
    folder = examples_dir()
    return read_certificate(folder / EXAMPLE) if folder else None


@st.fragment(run_every=POLL_SECONDS)
def _watch() -> None:
    """Show how far the check is; the whole page is drawn again when it ends."""
    if not _under_way():
        st.rerun()
    found = last_certificate()
    done, total = (len(found.rows), found.total) if found else (0, 1)
    st.progress(done / max(total, 1), text=f"Checking: {done} of {count(total, 'system')}")
    if found and found.rows:
        _table(found)


def _show(found: Certificate) -> None:
    failed = [row.name for row in found.rows if not row.passed]
    seconds = duration(sum(row.seconds for row in found.rows))
    if not found.complete:
        st.warning(f"The last check ended early, after {len(found.rows)} of {count(found.total, 'system')}.")
    elif failed:
        st.error(f"{len(failed)} of {count(found.total, 'system')} gave another answer: {', '.join(failed)}.")
    else:
        st.success(f"All {count(found.total, 'system')} gave the known answer.", icon=":material/verified:")
    _table(found)
    versions = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    st.caption(f"Checked at {found.created}, in {seconds}, with {versions}.")


def _table(found: Certificate) -> None:
    """Show each system with what was expected and found: as text, which breaks into lines where a cell is narrow."""
    st.table(
        [
            {
                "": ":green[✓]" if row.passed else ":red[✗]",
                **{name: escaped(getattr(row, name)) for name in ("name", "expected", "found", "system", "source")},
                "seconds": f"{row.seconds:.1f}",
            }
            for row in found.rows
        ],
        border="horizontal",
        hide_index=True,
    )


@st.cache_resource
def _workers() -> list[tuple[subprocess.Popen[bytes], str]]:
    """Return the check that this server started last, and when its process began."""
    return []


def _start() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "lab.cli", "selfcheck", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _workers()[:] = [(worker, process_started(worker.pid))]


def _under_way() -> bool:
    return any(worker.poll() is None and process_lives(worker.pid, started) for worker, started in _workers())
