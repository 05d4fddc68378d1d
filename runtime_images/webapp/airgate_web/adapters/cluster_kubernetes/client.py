"""The only file that knows the Kubernetes library: requests, and their failures in the domain's words."""

import json
import urllib.parse
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from airgate_web.domain.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable

Json = dict[str, Any]
MANAGER = "airgate"  # field manager of server-side apply
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
LOG_SECONDS = 5.0  # a log is its node's answer: a node that is away holds nobody up for long
APPLY_TYPE = "application/apply-patch+yaml"  # JSON is YAML
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
GONE = 410  # the version is too old to watch from: time to look again
REFUSALS: dict[int, type[Refusal]] = {400: Invalid, 403: Forbidden, 404: NotFound, 409: Conflict, 422: Invalid}


class KubeClient:
    """Speaks JSON with one API server. Safe to use from several threads."""

    def __init__(self, configuration: client.Configuration) -> None:
        self.api = client.ApiClient(configuration)

    def read_list(self, path: str, *, labels: str = "", metadata_only: bool = False) -> Json:
        """Return the list at a path: {"items": […], "metadata": {"resourceVersion": …}}."""
        accept = METADATA_ONLY if metadata_only else "application/json"
        answer: Json = json.loads(self.ask("GET", path, {"labelSelector": labels} if labels else {}, accept=accept))
        return {**answer, "items": answer["items"] or []}  # an empty list of metadata is null

    def apply(self, path: str, manifest: Json) -> None:
        """Apply an object (server-side apply): made, or made the same again."""
        query = {"fieldManager": MANAGER, "force": "true"}
        self.ask("PATCH", path, query, body=json.dumps(manifest), kind=APPLY_TYPE)

    def remove(self, path: str, *, grace_seconds: int | None = None) -> None:
        """Delete an object and what it owns; one that is gone is fine. grace_seconds: of a pod, instead of its own."""
        grace = {} if grace_seconds is None else {"gracePeriodSeconds": str(grace_seconds)}
        try:
            self.ask("DELETE", path, {"propagationPolicy": "Background", **grace})
        except NotFound:
            return

    def read_text(self, path: str, query: dict[str, str]) -> str:
        """Return the text of a log; Unavailable also when its node does not answer."""
        return self.ask("GET", path, query, accept="*/*", seconds=LOG_SECONDS).decode(errors="replace")

    def wait_for_news(self, path: str, *, labels: str, version: str, seconds: float) -> bool:
        """Watch a list from a resource version on; return whether anything came within `seconds`."""
        query = {"watch": "1", "labelSelector": labels, "resourceVersion": version}
        query["timeoutSeconds"] = str(max(1, round(seconds)))
        answer = self.open("GET", path, query, seconds=seconds + CONNECT_SECONDS)
        try:
            if answer.status == GONE:
                return True
            if answer.status >= 300:
                raise make_refusal(answer.status, answer.read())
            return bool(answer.readline())
        except urllib3.exceptions.HTTPError:
            return False
        finally:
            answer.close()

    def ask(self, method: str, path: str, query: dict[str, str], **more: Any) -> bytes:
        """Return the body of an answer; raise a Refusal for what is not 2xx."""
        answer = self.open(method, path, query, **more)
        try:
            body: bytes = answer.read()
        except urllib3.exceptions.HTTPError as why:
            raise Unavailable(f"The cluster's API server broke off: {why}.") from why
        finally:
            answer.release_conn()
        if answer.status >= 300:
            raise make_refusal(answer.status, body)
        return body

    def open(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        *,
        body: str | None = None,
        kind: str = "",
        accept: str = "application/json",
        headers: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the answer, unread; Unavailable when none comes."""
        given = {"Accept": accept, **({"Content-Type": kind} if kind else {}), **(headers or {})}
        target = f"{path}?{urllib.parse.urlencode(query)}" if query else path
        request = self.api.param_serialize(method, target, header_params=given, auth_settings=["BearerToken"])
        try:
            answer = self.api.call_api(*request[:3], body, None, (CONNECT_SECONDS, seconds))
        except (ApiException, urllib3.exceptions.HTTPError) as why:
            raise Unavailable(
                f"The cluster's API server does not answer: {why}.",
                "Look at `microk8s status`, or at the API server of your own cluster.",
            ) from why
        response: urllib3.BaseHTTPResponse = answer.response
        return response


def make_refusal(status: int, body: bytes) -> Refusal:
    """Return the API's refusal in the domain's words; Unavailable when it is not about the request."""
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body[:200].decode(errors="replace") or f"HTTP {status}"
    return REFUSALS.get(status, Unavailable)(f"The cluster refuses: {message}")


def find_own_namespace() -> str:
    """Return the namespace of the pod that this process runs in; "" outside of one."""
    try:
        return OWN_NAMESPACE.read_text().strip()
    except OSError:
        return ""


def open_client(kubeconfig: Path | None) -> KubeClient:
    """Return a client: of the cluster this pod runs in, or of a kubeconfig. Unavailable when neither is there."""
    configuration = client.Configuration()
    library: Any = config  # has no types
    try:
        if kubeconfig:
            library.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
        else:
            library.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as why:
        raise Unavailable(
            f"No way to a cluster: {why}.",
            "Run it in a pod with a service account, or name a kubeconfig (--kubeconfig, AIRGATE_KUBECONFIG).",
        ) from why
    configuration.retries = False
    return KubeClient(configuration)
