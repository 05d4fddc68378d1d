"""How the text of a setting becomes a value; what cannot become one raises ValueError with what it must be. Pure."""

import re
from pathlib import Path

from airgate_kit.logs import LEVELS
from airgate_kit.names import RESOURCE_GPU, RESOURCE_MIG_PREFIX, RESOURCE_QAIC, RESOURCE_QAIC_BY_SKU
from airgate_plugin.model import Packing, PciAddress, Qid

YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})
SOCKET_PATH_MAX = 107  # bytes, the kernel's limit
LONGEST_ENDPOINT = "/airgate-qualcomm.com_qaic-ultra.sock"
QIDS = re.compile(r"^\s*([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s*=\s*(\d{1,4})\s*$", re.IGNORECASE)

RESOURCE = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
QUALCOMM_NAMES = frozenset({RESOURCE_QAIC, *RESOURCE_QAIC_BY_SKU.values()})
MIG_NAME = re.compile(rf"^{re.escape(RESOURCE_MIG_PREFIX)}\d+g\.\d+gb[-.a-z]*$")


def read_folder(text: str) -> Path:
    """Return an absolute folder."""
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return Path(text)


def read_optional_folder(text: str) -> Path | None:
    """Return an absolute folder; None for nothing."""
    return read_folder(text) if text else None


def read_kubelet_dir(text: str) -> Path:
    """Return the kubelet's folder, short enough for a socket in it."""
    if len((text.rstrip("/") + LONGEST_ENDPOINT).encode()) > SOCKET_PATH_MAX:
        raise ValueError(f"is too long: a socket in it would pass the kernel's {SOCKET_PATH_MAX} bytes")
    return read_folder(text)


def read_prefix(text: str) -> str:
    """Return an absolute path without a slash at its end; "" for the root."""
    return "" if text in ("", "/") else str(read_folder(text))


def read_optional_path(text: str) -> str:
    """Return an absolute path, as the host names it, without a slash at its end; "" for nothing."""
    return str(read_folder(text)) if text else ""


def read_program(text: str) -> str:
    """Return an absolute path of a program, as the host names it."""
    return str(read_folder(text))


def read_seconds(text: str) -> float:
    """Return a number of seconds between 0.05 and 3600."""
    seconds = float(text)
    if not 0.05 <= seconds <= 3600:
        raise ValueError("must be between 0.05 and 3600 seconds")
    return seconds


def read_uevents(text: str) -> str:
    """Return "kernel", "none", or the path of a datagram socket."""
    if text not in ("kernel", "none") and not text.startswith("/"):
        raise ValueError("must be kernel, none, or an absolute path")
    return text


def read_switch(text: str) -> bool:
    """Return yes or no."""
    if text.lower() not in YES | NO:
        raise ValueError("must be true or false")
    return text.lower() in YES


def read_qids(text: str) -> dict[PciAddress, Qid]:
    """Return QIDs by PCI address from `0000:01:00.0=0,0000:17:00.0=1`."""
    found = [(part, QIDS.match(part)) for part in text.split(",") if part.strip()]
    qids = {PciAddress(match[1].lower()): Qid(int(match[2])) for _, match in found if match}
    if len(qids) < len(found) or len(set(qids.values())) < len(qids):
        raise ValueError("must be ADDRESS=QID pairs, each address and each QID once, e.g. 0000:01:00.0=0")
    return qids


def read_names(text: str) -> dict[str, str]:
    """Return other names by usual ones from `qualcomm.com/qaic=site.example/ai`."""
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    names = {usual.strip(): other.strip() for usual, _, other in pairs}
    if not all(map(_is_usual, names)) or not all(map(RESOURCE.match, names.values())) or len(names) < len(pairs):
        usual = ", ".join([*sorted(QUALCOMM_NAMES), RESOURCE_GPU, f"{RESOURCE_MIG_PREFIX}PROFILE"])
        raise ValueError(f"must be USUAL=OTHER pairs; usual are {usual}; other a DOMAIN/NAME")
    gpus = {RESOURCE_GPU: RESOURCE_GPU, **names}
    of_nvidia = {other for usual, other in gpus.items() if usual not in QUALCOMM_NAMES}
    if shared := of_nvidia & {names.get(usual, usual) for usual in QUALCOMM_NAMES}:
        raise ValueError(f"must not offer GPUs and Qualcomm cards under one name, {', '.join(shared)}")
    return names


def _is_usual(name: str) -> bool:
    return name in QUALCOMM_NAMES or name == RESOURCE_GPU or bool(MIG_NAME.match(name))


def read_packing(text: str) -> Packing:
    """Return how devices are chosen."""
    if text not in list(Packing):
        raise ValueError(f"must be one of {', '.join(Packing)}")
    return Packing(text)


def read_address(text: str) -> tuple[str, int]:
    """Return host and port from `HOST:PORT`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, e.g. 0.0.0.0:9400")
    return host.strip("[]"), int(port)


def read_api_server(text: str) -> str:
    """Return `https://HOST:PORT`; "" for nothing."""
    host, _, port = text.removeprefix("https://").rpartition(":")
    if text and (not text.startswith("https://") or not host or not port.isdigit() or "/" in host):
        raise ValueError("must be https://HOST:PORT")
    return text


def read_level(text: str) -> str:
    """Return a log level."""
    if text not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return text
