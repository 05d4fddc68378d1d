"""The gateway's certificate: made here for the node's addresses, or a site's own that is checked before it is used.

By the machine's own openssl, as Ansible's certificate modules need a library that a bare node does not have.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

DAY_S = 86400
MADE_HERE = "airgate self-signed"  # organisation in the subject, by which a certificate of ours is known


class CertificateRefused(Exception):
    """One sentence: what is wrong with a certificate and what to do."""


@dataclass(frozen=True)
class Wish:
    """What the certificate is for."""

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    days: int  # that a new one is valid
    renew_days: int  # before its end that it is replaced


def find_subjects(certificate: Path) -> set[str]:
    """Return the names and addresses in a certificate; none when there is no readable one."""
    text = run("x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName").stdout
    return set(re.findall(r"DNS:([^,\s]+)", text)) | set(re.findall(r"IP Address:([^,\s]+)", text))


def lasts(certificate: Path, days: int) -> bool:
    """Say whether a certificate is readable and valid for so many days yet."""
    return run("x509", "-in", str(certificate), "-noout", "-checkend", str(days * DAY_S)).returncode == 0


def matches(certificate: Path, key: Path) -> bool:
    """Say whether a private key belongs to a certificate."""
    of_certificate = run("x509", "-in", str(certificate), "-noout", "-pubkey")
    of_key = run("pkey", "-in", str(key), "-pubout")
    return of_certificate.returncode == 0 and of_certificate.stdout == of_key.stdout


def is_good(folder: Path, wish: Wish) -> bool:
    """Say whether the certificate that was made here is for these names and addresses and lasts."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    wanted = {*wish.names, *wish.addresses}
    return find_subjects(certificate) == wanted and matches(certificate, key) and lasts(certificate, wish.renew_days)


def make_certificate(folder: Path, wish: Wish) -> None:
    """Write tls.crt and tls.key (0600) into a folder, both or neither."""
    subjects = [f"DNS:{name}" for name in wish.names] + [f"IP:{address}" for address in wish.addresses]
    folder.mkdir(parents=True, exist_ok=True)
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-subj", f"/O={MADE_HERE}/CN={wish.names[0]}", "-days", str(wish.days)]
    words += ["-addext", "subjectAltName=" + ",".join(subjects), "-addext", "extendedKeyUsage=serverAuth"]
    files = {name: folder / f"{name}.new" for name in ("tls.crt", "tls.key")}
    files["tls.key"].unlink(missing_ok=True)
    files["tls.key"].touch(mode=0o600)
    done = run(*words, "-keyout", str(files["tls.key"]), "-out", str(files["tls.crt"]))
    if done.returncode != 0:
        raise CertificateRefused(f"openssl makes no certificate: {' '.join(done.stderr.split())[-300:]}.")
    for name, path in files.items():
        path.replace(folder / name)


def check_own(certificate: Path, key: Path, wish: Wish) -> None:
    """Raise CertificateRefused when a site's own certificate cannot serve this node."""
    if not certificate.is_file() or not key.is_file():
        raise CertificateRefused(f"{certificate} and {key} are not both on the node; copy them there, or empty both.")
    if not matches(certificate, key):
        raise CertificateRefused(f"{key} is not the key of {certificate}; give the two that belong together.")
    if not lasts(certificate, 0):
        raise CertificateRefused(f"{certificate} has expired or cannot be read; ask your authority for a new one.")
    subjects = find_subjects(certificate)
    if not subjects & {*wish.names, *wish.addresses}:
        found = ", ".join(sorted(subjects)) or "no name"
        raise CertificateRefused(
            f"{certificate} is for {found}, and this node is none of them; ask for one for "
            f"{', '.join([*wish.names, *wish.addresses])}, or correct airgate_expose_names."
        )


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run openssl; its exit status is the answer."""
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
