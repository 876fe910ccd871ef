"""Self-check: systems whose answer is known, put through the same functions as the user's own images."""

from __future__ import annotations

from lab.ui.heading import heading
from lab.ui.selfcheck import selfcheck_section

heading("Self-check", "Can this lab be trusted here? Systems whose right answer is known.")
selfcheck_section()
