"""The settings: their names, meanings and defaults, and how text becomes a value.

One table, `SETTINGS`, makes the flags, the environment variables, the keys of the file and the README's table. This
file reads none of them: cli.py does, and hands over layers of text, the strongest last.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airgate_kit.logs import LEVELS
from airgate_kit.names import (
    PORT_PLUGIN_HTTP,
    RESOURCE_GPU,
    RESOURCE_MIG_PREFIX,
    RESOURCE_QAIC,
    RESOURCE_QAIC_BY_SKU,
)
from airgate_plugin.errors import BadSettings
from airgate_plugin.model import Packing, PciAddress, Qid

ENV_PREFIX = "AIRGATE_PLUGIN_"
ENV_SKU_RESOURCES = "QAIC_SKU_BASED_RESOURCE_ENABLED"  # the name that Qualcomm's own plugin uses

TOOLS = "/opt/qti-aic/tools"  # where the Platform SDK puts its programs
PODS = "/var/lib/kubelet/pod-resources/kubelet.sock"
YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})
SOCKET_PATH_MAX = 107  # bytes, the kernel's limit
LONGEST_ENDPOINT = "/airgate-qualcomm.com_qaic-ultra.sock"
QIDS = re.compile(r"^\s*([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s*=\s*(\d{1,4})\s*$", re.IGNORECASE)

RESOURCE = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
QUALCOMM_NAMES = frozenset({RESOURCE_QAIC, *RESOURCE_QAIC_BY_SKU.values()})
MIG_NAME = re.compile(rf"^{re.escape(RESOURCE_MIG_PREFIX)}\d+g\.\d+gb[-.a-z]*$")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can decide. The meanings are in `SETTINGS`."""

    host_root: Path = Path("/")
    host_prefix: str = ""
    kubelet_dir: Path = Path("/var/lib/kubelet/device-plugins")
    cdi_dir: Path | None = None
    pod_resources: Path | None = Path("/var/lib/kubelet/pod-resources/kubelet.sock")
    pod_resources_period: float = 10.0
    reset: bool = False
    features_file: Path | None = None
    qaic_util: str = f"{TOOLS}/qaic-util"
    qaic_util_timeout: float = 5.0
    qaic_util_period: float = 10.0
    period: float = 5.0
    uevents: str = "kernel"
    sku_resources: bool = False
    resources: Mapping[str, str] = field(default_factory=dict)
    packing: Packing = Packing.PACKED
    exclude: str = ""
    exclude_file: Path | None = None
    node_name: str = ""
    qids: Mapping[PciAddress, Qid] = field(default_factory=dict)
    nvidia: bool = False
    nvidia_libraries: str = ""
    events: str = ""
    http: tuple[str, int] = ("0.0.0.0", PORT_PLUGIN_HTTP)  # noqa: S104 - the kubelet probes from outside
    log_level: str = "info"


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


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its key, what its text becomes, its meaning, and its default as text."""

    key: str
    read: Callable[[str], Any]
    meaning: str
    default: str

    @property
    def flag(self) -> str:
        """Return the name on the command line."""
        return "--" + self.key.replace("_", "-")

    @property
    def variable(self) -> str:
        """Return the name in the environment."""
        return ENV_SKU_RESOURCES if self.key == "sku_resources" else ENV_PREFIX + self.key.upper()


SETTINGS = (
    Setting("host_root", read_folder, "Where the host's /sys, /dev, /etc and /opt lie for this process", "/"),
    Setting("host_prefix", read_prefix, "Where that tree lies on the host itself; not / only for a simulated one", "/"),
    Setting("kubelet_dir", read_kubelet_dir, "The kubelet's folder of sockets", "/var/lib/kubelet/device-plugins"),
    Setting("cdi_dir", read_optional_folder, "The runtime's folder of CDI files, e.g. /var/run/cdi; none: no CDI", ""),
    Setting("pod_resources", read_optional_folder, "The kubelet's socket that tells who holds what", PODS),
    Setting("pod_resources_period", read_seconds, "Seconds between two questions to it", "10"),
    Setting("reset", read_switch, "Reset a Qualcomm SoC after its pod is gone and before the next one", "false"),
    Setting("features_file", read_optional_folder, "A feature file for Node Feature Discovery to keep", ""),
    Setting("qaic_util", read_program, "Qualcomm's query program, or a file with its output", f"{TOOLS}/qaic-util"),
    Setting("qaic_util_timeout", read_seconds, "Seconds after which a query is ended", "5"),
    Setting("qaic_util_period", read_seconds, "Seconds between two queries; uevents come sooner", "10"),
    Setting("period", read_seconds, "Seconds between two looks at sysfs and NVML; uevents come sooner", "5"),
    Setting("uevents", read_uevents, "Where device messages come from: kernel, none, or a socket to make", "kernel"),
    Setting("sku_resources", read_switch, "Offer qaic-std, qaic-pro and qaic-ultra instead of qaic", "false"),
    Setting("resources", read_names, "Other names for resources at this site: USUAL=OTHER,…", ""),
    Setting("packing", read_packing, "How several devices are chosen: packed, spread, or whole cards only", "packed"),
    Setting("exclude", str, "Devices out of service: ids, PCI addresses or board serials, NODE/ before one", ""),
    Setting("exclude_file", read_optional_folder, "A file with more of them, read again while running", ""),
    Setting("node_name", str, "This node's name, as Kubernetes has it", ""),
    Setting("qids", read_qids, "QIDs by PCI address, where qaic-util is absent or wrong: ADDRESS=QID,…", ""),
    Setting("nvidia", read_switch, "Offer NVIDIA GPUs too; only where no other plugin does", "false"),
    Setting("nvidia_libraries", read_optional_path, "The host's folder of NVIDIA's driver libraries, for CDI", ""),
    Setting("events", read_api_server, "Write health changes as events on the Node, at this API server", ""),
    Setting("http", read_address, "HOST:PORT of /livez, /readyz, /devices and /metrics", f"0.0.0.0:{PORT_PLUGIN_HTTP}"),
    Setting("log_level", read_level, "debug, info, warning or error", "info"),
)
KEYS = tuple(setting.key for setting in SETTINGS)


def build_settings(layers: Sequence[tuple[str, Mapping[str, str]]]) -> Settings:
    """Return the settings from layers of text by key, the strongest last; each layer has a name for complaints.

    Raises BadSettings for an unknown key (naming the one that was probably meant) or an impossible value.
    """
    by_key = {setting.key: setting for setting in SETTINGS}
    values: dict[str, Any] = {}
    for origin, layer in layers:
        for key, text in layer.items():
            if key not in by_key:
                raise BadSettings(f"{origin}: {key!r} is no setting", suggest(key, KEYS))
            values[key] = _read(by_key[key], text, origin)
    settings = Settings(**values)
    if settings.reset and settings.pod_resources is None:
        raise BadSettings("reset needs to know who holds what", "set pod_resources, or switch reset off")
    return settings


def suggest(word: str, known: Sequence[str]) -> str:
    """Return a hint with the name that was probably meant, or all of them."""
    import difflib  # a start whose words are right need not have it in memory

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def _read(setting: Setting, text: str, origin: str) -> object:
    try:
        return setting.read(text)
    except ValueError as why:
        reason = str(why) if str(why).startswith(("must", "is")) else "is not a number"
        raise BadSettings(f"{origin}: {setting.key} {text!r} {reason}", f"{setting.meaning}") from why
