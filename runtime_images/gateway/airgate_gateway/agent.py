"""The agent's loop: ask the webapp for a snapshot that differs, check it, write Envoy's files, ask again.

What came of them is reported beside it (report.py).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from airgate_gateway import admin, listeners
from airgate_gateway.bootstrap import ADMIN_SOCKET, find_bootstrap
from airgate_gateway.doors import Address, Door, read_certificate
from airgate_gateway.files import read_json, write_json
from airgate_gateway.report import Expected, Reporter
from airgate_kit import logs
from airgate_kit.clock import Clock

WAIT_S = 20  # how long the webapp may hold one question
RETRY_S = 1.0  # after the webapp did not answer
KEYS = frozenset({"digest", "jwks", "clusters", "routes"})

log = logs.get("airgate_gateway.agent")


@dataclass(frozen=True, slots=True)
class Settings:
    """name: of this host. folder: where the files go. web: the webapp. token_file: holds the internal token."""

    name: str
    folder: Path
    web: Address
    token_file: Path
    doors: tuple[Door, ...]
    metrics: Address | None = None


class Agent:
    """Lives beside one Envoy. The last snapshot lies in the folder, so that a restart needs no webapp."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Take up the last snapshot that was kept; nothing is written yet."""
        self._settings = settings
        self._reporter = Reporter(settings.name, settings.folder, settings.token_file, clock)
        self._snapshot = read_snapshot(read_json(settings.folder / "snapshot.json")) or listeners.EMPTY

    def run(self, stop: threading.Event) -> None:
        """Write what is known at once, then follow the webapp until `stop` is set."""
        self.write()
        failed = ""
        with open_client(self._settings.web) as client, open_client(self._settings.web) as second:
            threading.Thread(target=self._reporter.run, args=(second, stop), name="report", daemon=True).start()
            while not stop.is_set():
                why = self.follow(client)
                if why and why != failed:
                    fields = {"web": str(client.base_url), "error": why}
                    log.info("the webapp does not answer; routes stay as they are", extra={"fields": fields})
                elif failed and not why:
                    log.info("the webapp answers again")
                failed = why
                if why:
                    stop.wait(RETRY_S)

    def follow(self, client: httpx.Client) -> str:
        """Ask once; write what is new, a renewed certificate included. Return why the webapp did not answer, or ""."""
        try:
            snapshot = ask_snapshot(client, self._settings.token_file, self._snapshot["digest"])
        except (httpx.HTTPError, OSError, ValueError) as error:
            return str(error) or type(error).__name__
        self._snapshot = snapshot or self._snapshot
        self.write()
        return ""

    def write(self) -> None:
        """Write the snapshot's files, and have reported when Envoy works by them."""
        files = apply_files(self._settings, self._snapshot)
        self._reporter.expect(find_expected(self._settings.doors, self._snapshot, files))


def open_client(web: Address) -> httpx.Client:
    """Return a client for the webapp; it reads no proxy settings from the environment.

    Every question has a connection of its own. The first may have been made before the node knew where the Service's
    address leads, and whoever else answered there would be asked again and again.
    """
    timeout = httpx.Timeout(5.0, read=WAIT_S + 10.0)
    uds, base = (None, f"http://{web.host}:{web.port}") if web.port else (web.host, "http://web")
    transport = httpx.HTTPTransport(uds=uds, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)
    return httpx.Client(base_url=base, timeout=timeout, transport=transport, trust_env=False)


def ask_snapshot(client: httpx.Client, token_file: Path, have: str) -> Mapping[str, Any] | None:
    """Return a snapshot that differs from `have`, or None when there is none; httpx.HTTPError or ValueError else."""
    answer = client.get(
        "/internal/gateway",
        params={"have": have, "wait": WAIT_S},
        headers={"authorization": f"Bearer {token_file.read_text().strip()}"},
    )
    answer.raise_for_status()
    if answer.status_code == httpx.codes.NO_CONTENT:
        return None
    snapshot = read_snapshot(answer.json())
    if snapshot is None:
        raise ValueError("the webapp's answer is not a snapshot")
    return snapshot


def read_snapshot(content: Any) -> Mapping[str, Any] | None:
    """Return `content` when it has the form of a snapshot, else None."""
    if not isinstance(content, dict) or not content.keys() >= KEYS:
        return None
    if not isinstance(content["clusters"], list) or not isinstance(content["routes"], list):
        return None
    return content


def apply_files(settings: Settings, snapshot: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write clusters, routes, listeners and bootstrap, in this order, and return them by name.

    Files that do not change are left alone.
    """
    files = dict(find_files(settings, snapshot))
    changed = [name for name, content in files.items() if write_json(settings.folder / name, content)]
    if changed:
        log.info("wrote routes", extra={"fields": {"files": changed, "snapshot": snapshot["digest"][:12]}})
    return files


def find_files(settings: Settings, snapshot: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return (name, content) in the order to write: what is named before what names it."""
    folder = settings.folder
    doors = refresh_certificates(settings.doors)
    listener_file = listeners.find_listener_file(doors, snapshot["jwks"], settings.metrics, folder)
    return [
        ("snapshot.json", snapshot),
        ("cds.json", listeners.find_cluster_file(snapshot, settings.web, str(folder / ADMIN_SOCKET))),
        *listeners.find_route_files(snapshot).items(),
        ("lds.json", listener_file),
        ("bootstrap.json", find_bootstrap(folder)),
    ]


def find_expected(doors: Sequence[Door], snapshot: Mapping[str, Any], files: Mapping[str, Any]) -> Expected:
    """Return what Envoy is to say once it works by these files."""
    versions = {admin.CDS: files["cds.json"]["version_info"], admin.LDS: files["lds.json"]["version_info"]}
    for door in doors:
        table = listeners.find_table(door)
        text = files[listeners.find_table_file(table)]["version_info"]
        versions[f"http.{door.name}.rds.{table}.version_text"] = text
    return Expected(snapshot["digest"], versions, frozenset(find_addressed(snapshot)))


def find_addressed(snapshot: Mapping[str, Any]) -> Iterator[str]:
    """Yield the clusters that have an address."""
    for cluster in snapshot["clusters"]:
        places = cluster.get("load_assignment", {}).get("endpoints", [])
        if any(place.get("lb_endpoints") for place in places):
            yield cluster["name"]


def refresh_certificates(doors: Sequence[Door]) -> tuple[Door, ...]:
    """Return the doors with their certificates read anew."""
    return tuple(
        Door(d.name, d.address, d.console, d.certificate and read_certificate(d.certificate.chain, d.certificate.key))
        for d in doors
    )
