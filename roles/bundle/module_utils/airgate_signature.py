"""The bundle's one signature, made and checked by the machine's own ssh-keygen.

The key that is trusted comes as an argument, never out of the bundle.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from ansible.module_utils.airgate_manifest import MANIFEST, SIGNATURE, BundleRefused, refusal

NAMESPACE = "airgate-bundle"  # a signature made for anything else does not count
KEY = re.compile(r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]+=*( .*)?")  # one line of a .pub file
SIGNER = "airgate"  # the name under which the trusted key is listed; of no meaning outside the check


def check_signature(root: Path, public_key: str) -> None:
    """Raise BundleRefused unless the manifest at `root` was signed by the owner of `public_key`.

    public_key: one line as in an OpenSSH .pub file, `ssh-ed25519 AAAA…`.
    """
    require_key(public_key)
    if not (root / SIGNATURE).is_file():
        raise refusal(SIGNATURE, "is missing, so nothing says who made this bundle; ask for a signed one")
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder, "allowed_signers")
        allowed.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {public_key.strip()}\n', encoding="utf-8")
        done = verify(root, allowed)
    if done.returncode != 0:
        raise refusal(
            SIGNATURE,
            f"was not made over {MANIFEST} by the key in airgate_bundle_public_key; compare that key with the "
            "sender's, or ask for a new medium",
        )


def require_key(public_key: str) -> None:
    """Raise BundleRefused unless this is a whole public key: it may be unset, cut, or the name of a file."""
    if not public_key:
        raise BundleRefused(
            "The bundle is refused: airgate_bundle_public_key is not set, so nothing says whose bundle it must be; put "
            "the line of the sender's .pub file into the inventory, which came another way than the bundle."
        )
    if not KEY.fullmatch(public_key.strip()):
        raise BundleRefused(
            f"The bundle is refused: airgate_bundle_public_key is {public_key[:40]!r}, no line of a .pub file; put the "
            "whole line into the inventory, or give it quotes of its own: "
            "-e \"airgate_bundle_public_key='ssh-ed25519 AAAA...'\"."
        )


def verify(root: Path, allowed: Path) -> subprocess.CompletedProcess[str]:
    """Ask ssh-keygen whether an allowed signer made the signature; its exit status is the answer."""
    command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", SIGNER, "-n", NAMESPACE]
    with (root / MANIFEST).open("rb") as manifest:
        return subprocess.run(
            [*command, "-s", str(root / SIGNATURE)], stdin=manifest, capture_output=True, text=True, check=False
        )


def sign_manifest(root: Path, private_key: Path) -> None:
    """Write manifest.json.sig beside the manifest at `root`; raise CalledProcessError when ssh-keygen will not."""
    (root / SIGNATURE).unlink(missing_ok=True)  # ssh-keygen would ask before it overwrites
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(private_key), "-n", NAMESPACE, str(root / MANIFEST)]
    subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
