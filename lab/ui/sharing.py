"""How far a dashboard reaches: the address it is bound to, the names it answers to, the folders it reads."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.roots import ROOTS_VARIABLE, SHARED_VARIABLE, as_text

LOCAL = "localhost"
LOCAL_NAMES = (LOCAL, "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")  # every address of this machine


@dataclass(frozen=True)
class Sharing:
    """Where the dashboard is bound to, further names it answers to (a proxy's), the folders that may be read.

    `roots` is None where no path is off limits; on a network it never is. Raises LabError for a root that is none.
    """

    address: str = LOCAL
    names: tuple[str, ...] = ()
    roots: tuple[Path, ...] | None = None

    def __post_init__(self) -> None:
        for root in self.roots or ():
            if not root.expanduser().is_dir():
                raise LabError(f"--root {root} is not a folder; name one that holds what the dashboard may read")

    @property
    def on_network(self) -> bool:
        """Whether other computers can reach it."""
        return in_url(self.address) not in LOCAL_NAMES or bool(self.names)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names, without port, under which a browser may ask for it."""
        return tuple(dict.fromkeys([*LOCAL_NAMES, *self.names, *_names_of(self.address)]))

    @property
    def host(self) -> str:
        """The name that is put into the link."""
        name = self.names[0] if self.names else self.address
        return socket.gethostname() if name in EVERYWHERE else in_url(name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that confines the server and every process it starts (`lab.roots`)."""
        limits = {SHARED_VARIABLE: "1"} if self.on_network else {}
        roots = () if self.on_network and self.roots is None else self.roots
        return limits if roots is None else {**limits, ROOTS_VARIABLE: as_text(roots)}

    @property
    def told(self) -> str:
        """One sentence on what it reads, for whoever starts it on a network."""
        if not self.roots:
            return "It reads no folder of this computer, only what is uploaded; --root DIR lets it read one."
        return (
            f"Of this computer it reads {', '.join(str(r.expanduser().resolve()) for r in self.roots)}, nothing else."
        )


def in_url(address: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _names_of(address: str) -> list[str]:
    """Return the names under which others reach this machine at `address`."""
    if address not in EVERYWHERE:
        return [in_url(address)]
    import psutil

    found = [at.address for card in psutil.net_if_addrs().values() for at in card if at.family == socket.AF_INET]
    return [*found, socket.gethostname(), socket.getfqdn()]
