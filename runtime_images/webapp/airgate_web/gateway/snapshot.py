"""From deployments to Envoy's clusters and routes. Pure: the same wishes and facts give the same snapshot.

Fields follow Envoy's v3 API: config.cluster.v3.Cluster, config.route.v3.Route, and the per-route settings of the
filters jwt_authn and rbac. The order of the output is fixed, so that its digest changes only when its meaning does.
"""

import hashlib
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass

from airgate_kit import names
from airgate_web.domain.deployment import Deployment, DeploymentStatus

PREFIX = "/api/v1/svc"
GRPC_SERVICE = "/inference.GRPCInferenceService/"
CONNECT_TIMEOUT = "1s"
DNS_REFRESH = "1s"  # headless Services change with every pod
IDLE = "1s"  # sooner than any server lets go of a kept connection, or a request would now and then meet its end
HEALTH_PATH = "/v2/health/ready"  # of the runtime
HEALTH_EVERY = "2s"  # shorter than a replica lingers that is told to end
HEALTH_EVERY_ILL = "0.1s"  # while a replica loads its model: this long after it is ready it is sent requests
REQUIREMENT = "deployment"  # the name the agent gives to "a valid token" in the jwt_authn filter
TOKEN_METADATA = "token"  # noqa: S105  where the agent lets jwt_authn put the claims
TYPE = "type.googleapis.com/envoy."


@dataclass(frozen=True, slots=True)
class Route:
    """One deployment as the gateway sees it. revoked: ids (`jti`) of its tokens that are no longer good."""

    deployment: Deployment
    status: DeploymentStatus | None
    revoked: tuple[str, ...] = ()


def find_snapshot(routes: Sequence[Route], jwks: dict[str, object]) -> dict[str, object]:
    """Return {"digest", "jwks", "clusters": […], "routes": […]}; digest is the SHA-256 (hex) of the rest."""
    ordered = sorted(routes, key=lambda route: route.deployment.owner)
    body: dict[str, object] = {
        "jwks": jwks,
        "clusters": [cluster for route in ordered for cluster in find_clusters(route)],
        "routes": [entry for route in ordered for entry in find_routes(route)],
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return {"digest": digest, **body}


def find_clusters(route: Route) -> list[dict[str, object]]:
    """Return two clusters: HTTP and gRPC. Without an address they have no endpoint, and Envoy answers 503.

    Somebody else's server has HTTP alone.
    """
    addresses = route.status.addresses if route.status else ()
    owner, check = route.deployment.owner, find_health_check(route.deployment)
    http = find_cluster(f"http/{owner}", [(a.host, a.http_port, a.http_port) for a in addresses], check)
    kept = {"common_http_protocol_options": {"idle_timeout": IDLE}}
    http["typed_extension_protocol_options"] = find_protocol("http_protocol_options", **kept)
    if route.deployment.server:
        return [http]
    grpc = find_cluster(f"grpc/{owner}", [(a.host, a.grpc_port, a.http_port) for a in addresses], check)
    grpc["typed_extension_protocol_options"] = find_protocol("http2_protocol_options")
    return [http, grpc]


def find_protocol(version: str, **common: object) -> dict[str, object]:
    """Return what Envoy speaks to a cluster. version: of HTTP, by Envoy's name for its options."""
    kind = "extensions.upstreams.http.v3.HttpProtocolOptions"
    return {f"envoy.{kind}": {"@type": TYPE + kind, "explicit_http_config": {version: {}}, **common}}


def find_cluster(name: str, endpoints: list[tuple[str, int, int]], check: dict[str, object]) -> dict[str, object]:
    """Return one cluster of (host, port, port that tells its health). check: how it tells.

    Host names are resolved again and again, because a headless Service's pods come and go. Envoy asks each replica
    itself whether it is ready, and sends requests to those that are and to no other: it has to wait for nobody to
    learn that one has come or gone.
    """
    by_name = any(not is_address(host) for host, _, _ in endpoints)
    return {
        "name": name,
        "type": "STRICT_DNS" if by_name else "STATIC",
        "connect_timeout": CONNECT_TIMEOUT,
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {
            "thresholds": [{"max_connections": 65536, "max_pending_requests": 65536, "max_requests": 65536}]
        },
        "health_checks": [check],
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},  # never to one that is not ready
        **({"dns_refresh_rate": DNS_REFRESH, "dns_lookup_family": "V4_PREFERRED"} if by_name else {}),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [find_endpoint(*endpoint) for endpoint in endpoints]}],
        },
    }


def find_health_check(deployment: Deployment) -> dict[str, object]:
    """Return how Envoy asks a replica whether it is ready; one no is enough, one yes too."""
    path = deployment.server.health if deployment.server else HEALTH_PATH
    return {
        "timeout": CONNECT_TIMEOUT,
        "interval": HEALTH_EVERY,
        "unhealthy_interval": HEALTH_EVERY_ILL,
        "no_traffic_interval": HEALTH_EVERY_ILL,  # before the first request
        "no_traffic_healthy_interval": HEALTH_EVERY,
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        "reuse_connection": not deployment.server,  # one of somebody else may let go of it at that very moment
        "http_health_check": {"path": path, "request_headers_to_add": find_gates(deployment)},
    }


def find_endpoint(host: str, port: int, health_port: int) -> dict[str, object]:
    """Return an endpoint of Envoy's load assignment."""
    address = {"socket_address": {"address": host, "port_value": port}}
    return {"endpoint": {"address": address, "health_check_config": {"port_value": health_port}}}


def is_address(host: str) -> bool:
    """Return whether `host` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def find_routes(route: Route) -> list[dict[str, object]]:
    """Return two routes: every function below the deployment's address, and gRPC by a metadata key."""
    owner = route.deployment.owner
    http = find_route(route, {"prefix": f"{PREFIX}/{owner}/"}, f"http/{owner}", prefix_rewrite="/")
    if route.deployment.server:
        return [http]
    grpc_key = {"name": names.METADATA_DEPLOYMENT, "string_match": {"exact": owner}}
    return [http, find_route(route, {"prefix": GRPC_SERVICE, "grpc": {}, "headers": [grpc_key]}, f"grpc/{owner}")]


def find_route(route: Route, match: dict[str, object], cluster: str, **action: object) -> dict[str, object]:
    """Return one route: only with this deployment's own token; the gate secret goes on, cookies and tokens do not."""
    timeouts = route.deployment.timeouts
    return {
        "match": match,
        "route": {
            "cluster": cluster,
            "timeout": f"{timeouts.request_s}s",
            "idle_timeout": f"{timeouts.silence_s}s",
            "retry_policy": {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 3},
            **action,
        },
        "request_headers_to_add": find_gates(route.deployment),
        "request_headers_to_remove": ["cookie"],
        "response_headers_to_remove": ["set-cookie"],
        "typed_per_filter_config": {
            "envoy.filters.http.jwt_authn": {
                "@type": TYPE + "extensions.filters.http.jwt_authn.v3.PerRouteConfig",
                "requirement_name": REQUIREMENT,
            },
            "envoy.filters.http.rbac": {
                "@type": TYPE + "extensions.filters.http.rbac.v3.RBACPerRoute",
                "rbac": {"rules": {"action": "ALLOW", "policies": {"own-token": find_policy(route)}}},
            },
        },
    }


def find_gates(deployment: Deployment) -> list[dict[str, object]]:
    """Return the header by which a runtime knows that a request came through the gateway; a server of others, none."""
    if deployment.server:
        return []
    header = {"key": names.HEADER_GATE, "value": deployment.gate_secret}
    return [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


def find_policy(route: Route) -> dict[str, object]:
    """Return who may pass: a token whose claims name this deployment and whose `jti` is not revoked.

    `dep` is its address and `did` its id: a token of one that was removed does not open a later one of the same name.
    """
    principals = [find_claim("dep", route.deployment.owner), find_claim("did", str(route.deployment.id))]
    if route.revoked:
        gone = [find_claim("jti", token) for token in sorted(route.revoked)]
        principals.append({"not_id": {"or_ids": {"ids": gone}}})
    return {"permissions": [{"any": True}], "principals": [{"and_ids": {"ids": principals}}]}


def find_claim(claim: str, value: str) -> dict[str, object]:
    """Return a principal that matches one claim of the token exactly."""
    return {
        "sourced_metadata": {
            "metadata_matcher": {
                "filter": "envoy.filters.http.jwt_authn",
                "path": [{"key": TOKEN_METADATA}, {"key": claim}],
                "value": {"string_match": {"exact": value}},
            }
        }
    }
