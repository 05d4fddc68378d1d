"""How Ansible reaches a node: over SSH, as an ordinary user who may call sudo, as on a customer's site."""

from pathlib import Path

from tests.cluster.command import ensure_tools, run
from tests.cluster.store import find_store
from tests.cluster.systems import OPERATOR

AUTHORIZED_KEYS = f"/home/{OPERATOR}/.ssh/authorized_keys"
# A node's address is soon another node's: neither its host key nor a connection to it may outlive it.
ARGUMENTS = (
    *("-o", "ControlMaster=auto", "-o", "ControlPersist=5s", "-o", "ServerAliveInterval=5"),
    *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
)


def find_key() -> Path:
    """Return this machine's private key to every node, without a passphrase; its public half lies beside it as .pub."""

    def build(draft: Path) -> None:
        ensure_tools("ssh-keygen")
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "airgate-test", "-f", draft / "key")

    return find_store().publish("ssh", "key", build) / "key"


def find_public_key() -> Path:
    """Return the file that a node mounts as its operator's authorized_keys."""
    return find_key().with_suffix(".pub")


def describe_connection(address: str) -> dict[str, str]:
    """Return what an inventory says of a node at this address."""
    return {
        "ansible_host": address,
        "ansible_user": OPERATOR,
        "ansible_ssh_private_key_file": str(find_key()),
        "ansible_ssh_args": " ".join(ARGUMENTS),
    }


def describe_instance(name: str, address: str) -> dict[str, str | int]:
    """Return the same as Molecule's instance_config.yml says it."""
    return {"instance": name, "address": address, "port": 22, "user": OPERATOR, "identity_file": str(find_key())}
