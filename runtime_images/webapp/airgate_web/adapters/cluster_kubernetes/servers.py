"""Somebody else's server as a container: its own words, its own port, and probes on its own path. Pure."""

from typing import Any

from airgate_web.domain.server import Server, fill_words

Manifest = dict[str, Any]
HOST = "0.0.0.0"  # noqa: S104 -- of a pod: the network policy says who may come
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
TMP = "16Gi"  # what it compiles or caches; its home, for the image itself cannot be written to
MOUNTS = (("tmp", "/tmp"), ("shm", "/dev/shm"))  # noqa: S108


def make_server_container(container: Manifest, server: Server, model: str = "") -> Manifest:
    """Return `container`, which has the port `http`, as somebody else's server. model: the path of its model."""
    health = {"path": server.health, "port": "http"}
    command = {"command": fill_words(server.command, HOST, server.port, model)} if server.command else {}
    return {
        **container,
        **{name: {**container[name], "httpGet": health} for name in PROBES},
        **command,
        "args": fill_words((*server.arguments, *server.extra), HOST, server.port, model),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in MOUNTS],
    }


def make_server_volumes() -> list[Manifest]:
    """Return its folders; what lies in /dev/shm counts as its memory."""
    return [
        {"name": "tmp", "emptyDir": {"sizeLimit": TMP}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]
