"""Envoy's bootstrap: its admin socket, and where its files lie. Everything else is in those files."""

from pathlib import Path
from typing import Any

ADMIN_SOCKET = "admin.sock"
CONNECTIONS_MAX = 50_000


def find_bootstrap(folder: Path) -> dict[str, Any]:
    """Return the bootstrap for an Envoy that reads its files in `folder` (an absolute path)."""
    return {
        "node": {"id": "gateway", "cluster": "airgate"},
        "admin": {"address": {"pipe": {"path": str(folder / ADMIN_SOCKET), "mode": 0o600}}},
        "dynamic_resources": {"lds_config": find_file(folder, "lds.json"), "cds_config": find_file(folder, "cds.json")},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
                        "DownstreamConnectionsConfig",
                        "max_active_downstream_connections": CONNECTIONS_MAX,
                    },
                }
            ]
        },
    }


def find_file(folder: Path, name: str) -> dict[str, Any]:
    """Return a configuration source that follows one file of a watched folder."""
    return {
        "path_config_source": {"path": str(folder / name), "watched_directory": {"path": str(folder)}},
        "resource_api_version": "V3",
    }
