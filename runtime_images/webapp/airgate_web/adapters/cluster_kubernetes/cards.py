"""What the device plugins say of their cards: which are well, and which container holds which.

Kubernetes itself counts cards and cannot name them, so each node's plugin is asked, at the page `/devices` of its pod.
A plugin that does not answer is not believed to have cards: then only the cluster's counts are known for its node.
"""

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from airgate_kit import logs, names
from airgate_web.adapters.cluster_kubernetes.pods import Json, is_true
from airgate_web.domain.workload import DeviceFacts

log = logs.get(__name__)
ANSWER_SECONDS = 2.0
MOST_BYTES = 4 * 1024 * 1024
ASKED_AT_ONCE = 8
PLUGIN = {"app.kubernetes.io/part-of": "airgate", "app.kubernetes.io/component": "device-plugin"}

Pod = tuple[str, str, str]  # node, namespace, name
Held = Mapping[Pod, Sequence[tuple[str, str]]]  # (resource, id) of each card


@dataclass(frozen=True, slots=True)
class Cards:
    """What is known of cards by name. held: by pod; a plugin is believed about pods of its own node alone."""

    devices: tuple[DeviceFacts, ...] = ()
    held: Held = field(default_factory=dict)

    def find_held(self, pod: Json, resource: str = "") -> tuple[str, ...]:
        """Return the ids of the cards that a pod holds, of one resource or of all."""
        meta = pod["metadata"]
        cards = self.held.get((pod["spec"].get("nodeName", ""), meta["namespace"], meta["name"]), ())
        return tuple(sorted(id_ for kind, id_ in cards if resource in ("", kind)))


class CardReader:
    """Asks the plugins' pods, side by side. Safe to use from several threads."""

    def __init__(self, namespace: str, port: int = names.PORT_PLUGIN_HTTP) -> None:
        """Believe the plugins of one namespace, the appliance's own."""
        self.namespace = namespace
        self.port = port
        self.lock = threading.Lock()
        self.doors: dict[str, str] = {}  # node -> address of its plugin, as of the last `read`
        self.last = Cards()
        self.silent: set[str] = set()

    def read(self, pods: Sequence[Json]) -> Cards:
        """Return what the plugins among these pods say now."""
        doors = find_doors(pods, self.namespace)
        cards = self.ask(doors)
        with self.lock:
            self.doors, self.last = doors, cards
        return cards

    def is_other(self) -> bool:
        """Say whether the plugins of the last `read` say something else now."""
        with self.lock:
            doors, last = self.doors, self.last
        return self.ask(doors) != last

    def ask(self, doors: Mapping[str, str]) -> Cards:
        """Ask every plugin; one that does not answer is left out, and named in the log once."""
        if not doors:
            return Cards()
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            answers = dict(zip(doors, pool.map(self.ask_one, doors.values()), strict=True))
        silent = {node for node, answer in answers.items() if answer is None}
        if silent - self.silent:
            log.warning("a device plugin does not answer", extra={"fields": {"nodes": sorted(silent)}})
        self.silent = silent
        return read_answers({node: answer for node, answer in answers.items() if answer is not None})

    def ask_one(self, host: str) -> list[Json] | None:
        """Return the devices of one plugin; None when it does not answer, or not in its words."""
        link = http.client.HTTPConnection(host, self.port, timeout=ANSWER_SECONDS)
        try:
            link.request("GET", "/devices")
            devices = json.loads(link.getresponse().read(MOST_BYTES))["devices"]
            read_answers({"": devices})
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
            return None
        finally:
            link.close()
        return list(devices)


def find_doors(pods: Sequence[Json], namespace: str) -> dict[str, str]:
    """Return the address of each node's plugin that is ready and not ending."""
    return {
        pod["spec"]["nodeName"]: pod["status"]["podIP"]
        for pod in pods
        if PLUGIN.items() <= (pod["metadata"].get("labels") or {}).items()
        and pod["metadata"]["namespace"] == namespace
        and "deletionTimestamp" not in pod["metadata"]
        and pod["status"].get("podIP")
        and is_true(pod, "Ready")
    }


def read_answers(answers: Mapping[str, Sequence[Json]]) -> Cards:
    """Return the plugins' words by node as Cards. Raises KeyError, TypeError or AttributeError for others."""
    held: dict[Pod, list[tuple[str, str]]] = {}
    devices = []
    for node, said in sorted(answers.items()):
        for each in said:
            reason = "" if each["healthy"] else str(each["why"])
            devices.append(DeviceFacts(each["id"], each["resource"], node, each["healthy"], reason, each["lost"]))
            if holder := each["held_by"]:
                pod = node, holder["namespace"], holder["pod"]
                held.setdefault(pod, []).append((each["resource"], each["id"]))
    return Cards(tuple(devices), held)
