"""A site's own registry: the real one of Debian, with a name and a password, beside the nodes."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from tests.cluster import Node
from tests.cluster.store import find_store
from tests.cluster.systems import System, find_system
from tests.cluster.wait import wait_until

DEBIAN = System(name="registry", variant="extract", packages=("docker-registry",))
PROGRAM = "./usr/bin/docker-registry"
USER, PASSWORD = "airgate", "open-sesame"
HASHED = "$2b$10$ifi.XMd0j46NZL2V5u3Gp.dMdJV5TXYFkjaGzXeOQoq0n8y6tPfWi"  # bcrypt of it, all that this registry reads
START_LIMIT_S = 60
HOSTS = "/var/snap/microk8s/current/args/certs.d"


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry. address: HOST:PORT as nodes reach it."""

    address: str

    def push(self, archive: Path, repository: str) -> None:
        """Put an OCI archive into a repository, its digest unchanged."""
        target = f"docker://{self.address}/{repository}:1"
        options = ("--preserve-digests", "--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}")
        subprocess.run(["skopeo", "copy", "-q", *options, f"oci-archive:{archive}", target], check=True)


@contextmanager
def run_registry(folder: Path, host: str, port: int) -> Iterator[Registry]:
    """Run a registry that answers nobody without name and password; its files go into `folder`."""
    registry = Registry(f"{host}:{port}")
    (folder / "people").write_text(f"{USER}:{HASHED}\n")
    (folder / "config.yml").write_text(yaml.safe_dump(make_config(folder, registry.address)))
    with (folder / "log").open("w") as log:
        command = [extract_program(folder), "serve", folder / "config.yml"]
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_until("The registry", lambda: answers(registry), START_LIMIT_S)
            yield registry
        finally:
            process.kill()
            process.wait()


def make_config(folder: Path, address: str) -> dict[str, object]:
    """Return the registry's settings."""
    return {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {"addr": address},
        "auth": {"htpasswd": {"realm": "site", "path": str(folder / "people")}},
    }


def extract_program(folder: Path) -> Path:
    """Return the registry's program out of Debian's package."""
    with tarfile.open(find_system(find_store(), DEBIAN)) as tar:
        tar.extract(PROGRAM, folder)
    return folder / PROGRAM


def answers(registry: Registry) -> bool:
    """Whether the registry is up and refuses strangers."""
    try:
        return httpx.get(f"http://{registry.address}/v2/").status_code == 401
    except httpx.TransportError:
        return False


def trust_plain(node: Node, registry: Registry) -> None:
    """Tell a node's containerd to speak plain HTTP with this registry: it has no certificate here."""
    folder = f"{HOSTS}/{registry.address}"
    server = f"http://{registry.address}"
    text = f'server = "{server}"\n\n[host."{server}"]\ncapabilities = ["pull", "resolve"]\n'
    node.exec("mkdir", "-p", folder)
    node.exec("sh", "-c", f"cat > {folder}/hosts.toml", source=text.encode())
