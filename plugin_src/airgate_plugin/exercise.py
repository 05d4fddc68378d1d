"""What `airgate-plugin cards` says, inside a container that was granted cards: which they are, and whether they answer.

It is what `deploy-qaic-single.yaml` runs. It opens every device node that the container has and asks the firmware
behind it; a simulated node opens and answers nothing, and the report says so.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airgate_kit.names import ENV_QAIC_GID, ENV_QAIC_VISIBLE_DEVICES
from airgate_plugin.model import PciAddress
from airgate_plugin.sources.qaic_ioctl import ask_status, read_reply

PATTERNS = ("dev/accel/accel*", "dev/qaic_aic100_*")


def describe_cards(
    root: Path, environment: Mapping[str, str], ask: Callable[[str], bytes] = ask_status
) -> dict[str, Any]:
    """Return what this container has: `granted` QIDs, and each node with what came of opening and asking it."""
    granted = [each for each in environment.get(ENV_QAIC_VISIBLE_DEVICES, "").split(",") if each]
    nodes = sorted(path for pattern in PATTERNS for path in root.glob(pattern))
    cards = [_describe_node(path, ask) for path in nodes]
    return {
        "granted": granted,
        "qaic_gid": environment.get(ENV_QAIC_GID),
        "cards": cards,
        "well": bool(cards) and len(cards) == len(granted) and all(card["opens"] for card in cards),
    }


def write_cards(described: Mapping[str, Any]) -> str:
    """Return the same for a human."""
    granted = ",".join(described["granted"]) or "none"
    lines = [f"granted: QID {granted}; group {described['qaic_gid'] or 'none'}"]
    lines += [f"{card['node']}  {card['says']}" for card in described["cards"]]
    lines += [] if described["well"] else ["not well: every granted card needs a node that opens"]
    return "\n".join(lines) + "\n"


def _describe_node(path: Path, ask: Callable[[str], bytes]) -> dict[str, Any]:
    try:
        path.open("rb").close()
    except OSError as why:
        return {"node": str(path), "opens": False, "says": f"cannot be opened: {why.strerror}"}
    try:
        found = read_reply(PciAddress(""), ask(str(path)))
    except OSError:
        found = None
    if found is None:
        return {"node": str(path), "opens": True, "says": "opens; no firmware answers (a simulated card?)"}
    facts = ", ".join(f"{name} {value}" for name, value in found.facts.items())
    return {"node": str(path), "opens": True, "says": f"opens; {found.sku}, {facts}"}
