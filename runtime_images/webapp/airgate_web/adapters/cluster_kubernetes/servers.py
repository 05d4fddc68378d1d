"""Somebody else's server as a container: its own words, its own port, and probes on its own path. Pure."""

from typing import Any

from airgate_kit import names
from airgate_web.domain.server import Server, fill_words

Manifest = dict[str, Any]
HOST = "0.0.0.0"  # noqa: S104 -- of a pod: the network policy says who may come
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
TMP = "16Gi"  # what it compiles or caches; its home, for the image itself cannot be written to
MOUNTS = (("tmp", "/tmp"), ("shm", "/dev/shm"))  # noqa: S108


def make_server_container(container: Manifest, server: Server, path: str = "") -> Manifest:
    """Return `container`, which has the port `http`, as somebody else's server. path: of its model's folder."""
    health = {"path": server.health, "port": "http"}
    command = {"command": fill_words(server.command, HOST, server.port, path)} if server.command else {}
    return {
        **container,
        **{name: {**container[name], "httpGet": health} for name in PROBES},
        **command,
        "args": fill_words((*server.arguments, *server.extra), HOST, server.port, path),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108
        "volumeMounts": [*({"name": name, "mountPath": place} for name, place in MOUNTS), *make_model_mounts(path)],
    }


def make_model_mounts(path: str) -> list[Manifest]:
    """Return the mount of a model's folder, of its disk the one that it is; none without a model."""
    if not path:
        return []
    _, inside = split_path(path)
    return [{"name": "models", "mountPath": path, "subPath": inside, "readOnly": True}]


def split_path(path: str) -> tuple[str, str]:
    """Return the disk's name and the path on it of a folder below MODEL_DISKS; raise ValueError for any other."""
    disk, _, inside = path.removeprefix(f"{names.MODEL_DISKS}/").partition("/")
    if not path.startswith(f"{names.MODEL_DISKS}/") or not inside:
        raise ValueError(f"The folder {path} lies on no disk of the cluster: those are below {names.MODEL_DISKS}.")
    return disk, inside


def make_server_volumes(path: str = "") -> list[Manifest]:
    """Return its folders; what lies in /dev/shm counts as its memory. A disk is a claim of that name, read-only."""
    claim = {"claimName": f"{names.MODEL_CLAIM}{split_path(path)[0]}", "readOnly": True} if path else None
    return [
        *([{"name": "models", "persistentVolumeClaim": claim}] if claim else []),
        {"name": "tmp", "emptyDir": {"sizeLimit": TMP}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
