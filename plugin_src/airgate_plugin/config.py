"""The settings: their names, meanings and defaults.

One table, `SETTINGS`, makes the flags, the environment variables, the keys of the file and the README's table. This
file reads none of them: cli.py does, and hands over layers of text, the strongest last; values.py makes values of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airgate_kit.names import PORT_PLUGIN_HTTP
from airgate_plugin.errors import BadSettings
from airgate_plugin.model import Packing, PciAddress, Qid
from airgate_plugin.values import (
    read_address,
    read_api_server,
    read_folder,
    read_kubelet_dir,
    read_level,
    read_names,
    read_optional_folder,
    read_optional_path,
    read_packing,
    read_prefix,
    read_program,
    read_qids,
    read_seconds,
    read_switch,
    read_uevents,
)

ENV_PREFIX = "AIRGATE_PLUGIN_"
ENV_SKU_RESOURCES = "QAIC_SKU_BASED_RESOURCE_ENABLED"  # the name that Qualcomm's own plugin uses
TOOLS = "/opt/qti-aic/tools"  # where the Platform SDK puts its programs
PODS = "/var/lib/kubelet/pod-resources/kubelet.sock"


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
