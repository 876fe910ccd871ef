"""The skeleton of every tab: the command that asks the same, where the run stands, what was found."""

from __future__ import annotations

from lab.experiments.base import Request
from lab.experiments.result import Result
from lab.ui.findings import show_command, show_findings
from lab.ui.run_status import result_or_status


def answered(request: Request, *, offer: str, command: bool = True, findings: bool = True) -> Result | None:
    """Show the command that asks the same and what was found, and return the result; without one, show its status.

    `offer` says what running would bring. `command` and `findings` are off where a section has its own place for them.
    """
    if command:
        show_command(request)
    result = result_or_status(request, offer=offer)
    if result is not None and findings:
        show_findings(result.findings)
    return result
