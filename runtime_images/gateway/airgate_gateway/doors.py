"""Doors: where Envoy listens, and what may pass there."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from airgate_gateway.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Address:
    """An IP address and a port to listen on, or a unix socket's path (port 0)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Paths of a PEM certificate chain and its key, and a digest by which a renewal is noticed."""

    chain: Path
    key: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Door:
    """One listener. console: whether pages and API pass, not predictions alone."""

    name: str
    address: Address
    console: bool
    certificate: Certificate | None = None


def read_address(what: str, text: str) -> Address:
    """Return "HOST:PORT" as an Address; raise GatewayError otherwise."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise GatewayError("bad_address", f"{what} '{text}' is not HOST:PORT, for example 0.0.0.0:8443.")
    return Address(host.strip("[]"), int(port))


def read_upstream(text: str) -> Address:
    """Return the webapp's address: "http://HOST:PORT" or "unix:/path/to/socket"."""
    if text.startswith("unix:"):
        return Address(text.removeprefix("unix:"), 0)
    return read_address("--web", text.removeprefix("http://").rstrip("/"))


def read_certificate(chain: Path, key: Path) -> Certificate:
    """Return the certificate at these paths; raise GatewayError when one cannot be read."""
    try:
        digest = hashlib.sha256(chain.read_bytes() + key.read_bytes()).hexdigest()
    except OSError as error:
        raise GatewayError(
            "no_certificate",
            f"The certificate cannot be read: {error.strerror}: {error.filename}.",
            "Give --tls-cert and --tls-key files that this user can read.",
        ) from error
    return Certificate(chain, key, digest)
