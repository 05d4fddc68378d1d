"""microk8s add-node, join, leave and remove-node, and the agent on port 25000 that answers a node that joins.

The stand-in has one control plane: nodes join as workers.
"""

import argparse
import hashlib
import hmac
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 25000
HASH_LENGTH = 12
SNAP = Path(os.environ["SNAP"])
DATA = Path(os.environ["SNAP_DATA"])
TOKENS = DATA / "credentials" / "cluster-tokens.json"
WORKER_LABELS = "microk8s.io/cluster=true,node.kubernetes.io/microk8s-worker=microk8s-worker"


def main() -> int:
    """Do one subcommand; an error is one sentence on standard error."""
    parser = argparse.ArgumentParser(prog="microk8s")
    verbs = parser.add_subparsers(required=True)
    verbs.add_parser("serve").set_defaults(do=serve)
    adding = verbs.add_parser("add-node")
    adding.add_argument("--token", "-t", default="")
    adding.add_argument("--token-ttl", "-l", type=int, default=0)
    adding.set_defaults(do=add_node)
    joining = verbs.add_parser("join")
    joining.add_argument("connection", help="ADDRESS:25000/TOKEN/HASH")
    joining.add_argument("--worker", action="store_true")
    joining.set_defaults(do=join)
    verbs.add_parser("leave").set_defaults(do=leave)
    removing = verbs.add_parser("remove-node")
    removing.add_argument("node")
    removing.add_argument("--force", action="store_true")
    removing.set_defaults(do=remove_node)
    asked = parser.parse_args()
    return int(asked.do(asked))


def add_node(asked: argparse.Namespace) -> int:
    """Print the line with which one node can join; without a time to live the token serves once."""
    token = asked.token or secrets.token_hex(16)
    expires = time.time() + asked.token_ttl if asked.token_ttl else 0
    write_tokens({**read_tokens(), token: expires})
    connection = f"{call_shell('find_node_address').strip()}:{PORT}/{token}/{read_own_hash()}"
    print("From the node you wish to join to this cluster, run the following:")
    print(f"microk8s join {connection}\n")
    print("Use the '--worker' flag to join a node as a worker not running the control plane, eg:")
    print(f"microk8s join {connection} --worker")
    return 0


def join(asked: argparse.Namespace) -> int:
    """Become a worker of another node's cluster."""
    if not asked.worker:
        return refuse("This stand-in has one control plane: join with --worker.")
    try:
        address, token, digest = asked.connection.split("/")
    except ValueError:
        return refuse("The connection is ADDRESS:25000/TOKEN/HASH, as `microk8s add-node` prints it.")
    found = ssl.get_server_certificate(tuple(address.split(":")))
    if compute_hash(ssl.PEM_cert_to_DER_cert(found)) != digest:
        return refuse(f"The certificate of {address} is not the one of the hash {digest}: nothing was changed.")
    try:
        given = request_join(address, token, found)
    except urllib.error.HTTPError as error:
        return refuse(f"{address} refused: {error.read().decode()}")
    become_worker(address.split(":")[0], given)
    print("Contacting cluster at", address.split(":")[0])
    print("The node has joined the cluster and will appear in the nodes list in a few seconds.")
    return 0


def request_join(address: str, token: str, certificate: str) -> dict[str, str]:
    """Ask the agent for this node's certificates, trusting the one certificate that was checked."""
    body = {"token": token, "node": socket.gethostname().lower(), "address": call_shell("find_node_address").strip()}
    trust = ssl.create_default_context(cadata=certificate)
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    asking = urllib.request.Request(f"https://{address}/join", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asking, context=trust, timeout=30) as answer:
        return dict(json.load(answer))


def become_worker(control: str, given: dict[str, str]) -> None:
    """Drop the control plane of this node's own and put the given certificates in place."""
    control_services("stop")
    for old in (*(DATA / "certs").glob("*.key"), *(DATA / "credentials").glob("*.config")):
        old.unlink()
    for name, content in given.items():
        path = DATA / "certs" / name
        path.write_text(content)
        path.chmod(0o600)
    for identity in ("kubelet", "proxy"):
        call_shell(f"write_kubeconfig {identity} {identity} {control}")
    call_shell(f"write_arg kubelet --node-labels {WORKER_LABELS}")
    (DATA / "var" / "lock" / "clustered.lock").touch()
    control_services("start")


def leave(_: argparse.Namespace) -> int:
    """Become a fresh node of its own again."""
    if not (DATA / "var" / "lock" / "clustered.lock").exists():
        return refuse("This node is not a worker of a cluster: there is nothing to leave.")
    control_services("stop")
    (DATA / "var" / "lock" / "clustered.lock").unlink()
    subprocess.run(["rm", "-rf", DATA / "var" / "kubernetes" / "backend"], check=True)
    subprocess.run([SNAP / "meta" / "hooks" / "install"], check=True)
    control_services("start")
    return 0


def remove_node(asked: argparse.Namespace) -> int:
    """Take a node that left out of the cluster's list."""
    config = f"--kubeconfig={DATA}/credentials/client.config"
    return subprocess.run([SNAP / "bin" / "kubectl", config, "delete", "node", asked.node]).returncode


def serve(_: argparse.Namespace) -> int:
    """Answer until the service is stopped."""
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Agent)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(DATA / "certs" / "cluster-agent.crt", DATA / "certs" / "cluster-agent.key")
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
    return 0


class Agent(BaseHTTPRequestHandler):
    """One verb: POST /join with a token that is good gives a node its certificates."""

    def do_POST(self) -> None:
        """Answer 200 with files by name, or 403 with a sentence."""
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self.path != "/join" or not take_token(asked.get("token", "")):
            self.answer(403, b"The token is not known here or was used: run `microk8s add-node` again.")
            return
        self.answer(200, json.dumps(make_certificates(asked["node"], asked["address"])).encode())

    def answer(self, status: int, body: bytes) -> None:
        """Send one whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_certificates(node: str, address: str) -> dict[str, str]:
    """Return what a worker needs: the authority, and a kubelet and a proxy certificate with their keys."""
    call_shell(f"make_certificate {node}-kubelet /O=system:nodes/CN=system:node:{node} DNS:{node},IP:{address}")
    call_shell(f"make_certificate {node}-proxy /CN=system:kube-proxy DNS:proxy")
    given = {"ca.crt": (DATA / "certs" / "ca.crt").read_text()}
    for identity in ("kubelet", "proxy"):
        for end in ("crt", "key"):
            path = DATA / "certs" / f"{node}-{identity}.{end}"
            given[f"{identity}.{end}"] = path.read_text()
            path.unlink()
    return given


def take_token(token: str) -> bool:
    """Return whether a token is good; one without a time to live is used up by this."""
    tokens = read_tokens()
    for known, expires in tokens.items():
        if hmac.compare_digest(known, token):
            if not expires:
                write_tokens({name: end for name, end in tokens.items() if name != known})
            return not expires or time.time() < expires
    return False


def read_tokens() -> dict[str, float]:
    """Return the tokens with the second at which each ends; 0 is a token for one use."""
    return json.loads(TOKENS.read_text()) if TOKENS.exists() else {}


def write_tokens(tokens: dict[str, float]) -> None:
    """Replace the file with the tokens."""
    draft = TOKENS.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(tokens))
    draft.rename(TOKENS)


def read_own_hash() -> str:
    """Return the hash by which a joining node knows this one."""
    return compute_hash(ssl.PEM_cert_to_DER_cert((DATA / "certs" / "cluster-agent.crt").read_text()))


def compute_hash(certificate: bytes) -> str:
    """Return the short hash of a certificate in DER."""
    return hashlib.sha256(certificate).hexdigest()[:HASH_LENGTH]


def control_services(verb: str) -> None:
    """Start or stop every service of the snap at once."""
    names = ("etcd", "containerd", "kubelite", "network", "cluster-agent")
    subprocess.run(["systemctl", verb, *(f"snap.microk8s.daemon-{name}" for name in names)], check=True)


def call_shell(line: str) -> str:
    """Run one function of the snap's shell library and return what it prints."""
    sources = f'. "{SNAP}/bin/library.sh"; . "{SNAP}/bin/certificates.sh"; {line}'
    return subprocess.run(["bash", "-c", sources], check=True, capture_output=True, text=True).stdout


def refuse(sentence: str) -> int:
    """Say why not."""
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
