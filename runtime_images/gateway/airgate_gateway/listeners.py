"""From doors and a snapshot to Envoy's files. Pure.

Fields follow Envoy's v3 API: config.listener.v3.Listener, the HTTP connection manager, jwt_authn, rbac and router.
The routes of deployments come ready-made in the snapshot; here they are put behind the doors.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airgate_gateway.bootstrap import find_file
from airgate_gateway.doors import Address, Door
from airgate_gateway.replies import CALLS, PREDICTIONS, find_replies

TYPE = "type.googleapis.com/envoy."
ISSUER = "airgate"
AUDIENCE = "airgate-predict"
WEB_CLUSTER = "web"
ADMIN_CLUSTER = "admin"
READY_PATH = "/gateway/readyz"  # answers as soon as Envoy has its routes
HIDDEN = ("/internal/", "/metrics", "/livez", "/readyz")  # of the webapp, and not for anybody outside
CONSOLE_TIMEOUT_S = 3600  # uploads of large models
IDLE_TIMEOUT_S = 3600
KEPT_S = 1  # an idle connection to the webapp: it lets go after five, and a request would now and then meet that end
CACHED_TOKENS = 1000  # whose signature need not be checked again
VERSION_DIGITS = 16  # of a file's digest: enough to tell one from the next
EMPTY: dict[str, Any] = {"digest": "", "jwks": {"keys": []}, "clusters": [], "routes": []}

USER_CODE_HEADERS = {  # what a model's code answers must not reach into a console session
    "content-security-policy": "sandbox",
    "x-content-type-options": "nosniff",
}

Json = dict[str, Any]


def find_listener_file(doors: Sequence[Door], jwks: Json, metrics: Address | None, folder: Path) -> Json:
    """Return the content of lds.json: one listener a door, and one for /metrics when asked for.

    folder: where rds.json lies, which the listeners follow.
    """
    listeners = [find_listener(door, jwks, folder) for door in doors]
    if metrics:
        listeners.append(find_metrics_listener(metrics))
    return wrap("config.listener.v3.Listener", listeners)


def find_cluster_file(snapshot: Mapping[str, Any], web: Address, admin_socket: str) -> Json:
    """Return the content of cds.json: the deployments' clusters, the webapp and Envoy's own admin socket."""
    own = [find_upstream(WEB_CLUSTER, web), find_upstream(ADMIN_CLUSTER, Address(admin_socket, 0))]
    return wrap("config.cluster.v3.Cluster", [*snapshot["clusters"], *own])


def find_route_files(snapshot: Mapping[str, Any]) -> dict[str, Json]:
    """Return one route file a table: for doors without the console, and for those with it."""
    unknown = [find_unknown_route({"prefix": PREDICTIONS}), find_unknown_route({"prefix": CALLS, "grpc": {}})]
    answers = [find_ready_route(), *map(find_user_code_route, snapshot["routes"]), *unknown]
    return {
        find_table_file("predictions"): wrap_table("predictions", [*answers, find_closed_route()]),
        find_table_file("console"): wrap_table(
            "console", [*answers, *map(find_hidden_route, HIDDEN), find_console_route()]
        ),
    }


def find_table_file(table: str) -> str:
    """Return the file of a route table; Envoy wants one table a file."""
    return f"rds-{table}.json"


def find_table(door: Door) -> str:
    """Return the route table that a door works by."""
    return "console" if door.console else "predictions"


def wrap_table(name: str, routes: Sequence[Json]) -> Json:
    """Return a route table as Envoy reads it from a file."""
    return wrap("config.route.v3.RouteConfiguration", [find_route_table(name, routes)])


def wrap(kind: str, resources: Sequence[Json]) -> Json:
    """Return a discovery response as Envoy reads it from a file; its version is the digest of what it holds."""
    content = [{"@type": TYPE + kind, **resource} for resource in resources]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return {"version_info": digest[:VERSION_DIGITS], "resources": content}


def find_route_table(name: str, routes: Sequence[Json]) -> Json:
    """Return one route configuration for every host name."""
    return {"name": name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": list(routes)}]}


def find_user_code_route(route: Json) -> Json:
    """Return a deployment's route with the headers that keep its answers out of console sessions."""
    headers = [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in USER_CODE_HEADERS.items()
    ]
    return {**route, "response_headers_to_add": headers}


def find_ready_route() -> Json:
    """Return the route that probes ask."""
    return {"match": {"path": READY_PATH}, "direct_response": {"status": 200, "body": {"inline_string": "ready\n"}}}


def find_unknown_route(match: Json) -> Json:
    """Return the answer to a call of a deployment that does not exist."""
    return {"match": match, "direct_response": {"status": 404}}


def find_hidden_route(prefix: str) -> Json:
    """Return the answer to what the webapp offers to the appliance's own processes alone."""
    return {"match": {"prefix": prefix}, "direct_response": {"status": 404}}


def find_closed_route() -> Json:
    """Return the answer to anything but predictions on a door that has no console."""
    return {"match": {"prefix": "/"}, "direct_response": {"status": 404}}


def find_console_route() -> Json:
    """Return the route to pages and API, their WebSocket included; the gate header never passes from outside."""
    return {
        "match": {"prefix": "/"},
        "route": {
            "cluster": WEB_CLUSTER,
            "timeout": f"{CONSOLE_TIMEOUT_S}s",
            "upgrade_configs": [{"upgrade_type": "websocket"}],
        },
        "request_headers_to_remove": ["x-airgate-gate"],
    }


def find_upstream(name: str, address: Address) -> Json:
    """Return a cluster with one fixed endpoint; a host name is looked up again and again."""
    where: Json = {"pipe": {"path": address.host}}
    if address.port:
        where = {"socket_address": {"address": address.host, "port_value": address.port}}
    kind = "extensions.upstreams.http.v3.HttpProtocolOptions"
    kept = {
        "explicit_http_config": {"http_protocol_options": {}},
        "common_http_protocol_options": {"idle_timeout": f"{KEPT_S}s"},
    }
    return {
        "name": name,
        "type": "STRICT_DNS" if address.port else "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {f"envoy.{kind}": {"@type": TYPE + kind, **kept}},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": where}}]}],
        },
    }


def find_listener(door: Door, jwks: Json, folder: Path) -> Json:
    """Return a door's listener. A renewed certificate changes `metadata`, so that Envoy takes it up."""
    chain: Json = {"filters": [find_manager(door.name, find_table(door), jwks, folder)]}
    listener: Json = {"name": door.name, "address": find_socket(door.address), "filter_chains": [chain]}
    if door.certificate:
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": TYPE + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "tls_certificates": [
                        {
                            "certificate_chain": {"filename": str(door.certificate.chain)},
                            "private_key": {"filename": str(door.certificate.key)},
                        }
                    ],
                },
            },
        }
        listener["metadata"] = {"filter_metadata": {"airgate": {"certificate": door.certificate.digest}}}
    return listener


def find_socket(address: Address) -> Json:
    """Return where a listener binds."""
    return {"socket_address": {"address": address.host, "port_value": address.port}}


def find_manager(name: str, table: str, jwks: Json, folder: Path) -> Json:
    """Return the HTTP connection manager: request ids, clean paths, tokens checked before anything is passed on."""
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "server_name": "airgate",
            "use_remote_address": True,
            "preserve_external_request_id": True,
            "always_set_request_id_in_response": True,
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "stream_idle_timeout": f"{IDLE_TIMEOUT_S}s",
            "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
            "rds": {"route_config_name": table, "config_source": find_file(folder, find_table_file(table))},
            "http_filters": [*find_jwt_filters(jwks), find_rbac_filter(), find_router()],
            "local_reply_config": find_replies(),
        },
    }


def find_jwt_filters(jwks: Json) -> list[Json]:
    """Return the filter that checks tokens, where a route names the requirement, and strips them.

    None before the first snapshot: Envoy refuses an empty key set, and there is no deployment's route yet.
    """
    if not jwks["keys"]:
        return []
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps(jwks, sort_keys=True)},
        "forward": False,
        "payload_in_metadata": "token",
        # A signature is checked once; its expiry, and the route's rules by which tokens are revoked, at each request.
        "jwt_cache_config": {"jwt_cache_size": CACHED_TOKENS},
    }
    settings = {"providers": {"airgate": provider}, "requirement_map": {"deployment": {"provider_name": "airgate"}}}
    kind = TYPE + "extensions.filters.http.jwt_authn.v3.JwtAuthentication"
    return [{"name": "envoy.filters.http.jwt_authn", "typed_config": {"@type": kind, **settings}}]


def find_rbac_filter() -> Json:
    """Return the filter whose rules stand in each route."""
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": TYPE + "extensions.filters.http.rbac.v3.RBAC"},
    }


def find_router() -> Json:
    """Return the last filter."""
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"},
    }


def find_metrics_listener(address: Address) -> Json:
    """Return a listener that shows Envoy's statistics and nothing else of its admin socket."""
    route = {
        "match": {"path": "/metrics"},
        "route": {"cluster": ADMIN_CLUSTER, "prefix_rewrite": "/stats/prometheus?usedonly"},
    }
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "metrics",
            "route_config": find_route_table("metrics", [find_ready_route(), route]),
            "http_filters": [find_router()],
        },
    }
    return {"name": "metrics", "address": find_socket(address), "filter_chains": [{"filters": [manager]}]}
