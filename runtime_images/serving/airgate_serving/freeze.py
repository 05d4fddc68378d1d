"""`airgate-serve freeze`: the lock of a runtime that has exactly the versions which made a model.

The versions come from the model file, or from a list of a training environment (`pip freeze`). They and what the
runtime itself needs are resolved by pip against a folder of wheels, the bundle's say, without an index; the lock has
the hash of every wheel and takes the place of locks/serving.txt where an image is built.
"""

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadConfiguration, MissingLibrary

EXTRA = re.compile(r"""extra\s*==\s*['"]serving['"]""")
NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
PINNED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.!+_-]+)\s*(?:[;\\#].*)?$")
VERSION = re.compile(r"^\d+(\.\w+)*$")
DISTRIBUTIONS = {"xgboost": "xgboost-cpu"} | {
    name: name for name in ("scikit-learn", "lightgbm", "numpy", "pandas", "scipy", "joblib", "skops")
}
LACKING = re.compile(r"No matching distribution found for ([^\s]+)")
HINT_WHEELS = "Put its wheel into the folder, or choose a version that is there."


def read_model_versions(libraries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the versions that a model file says, by the name of the distribution that has them."""
    found = {}
    for library in libraries:
        name, version = DISTRIBUTIONS.get(str(library["name"]), ""), str(library["in_file"])
        if name and VERSION.match(version):
            found[name] = version
    return found


def read_pins(text: str) -> dict[str, str]:
    """Return the versions of a list as `pip freeze` writes it. Raises BadConfiguration for one without any."""
    found = {}
    for line in text.splitlines():
        pin = PINNED.match(line)
        if pin:
            found[normalize(pin.group(1))] = pin.group(2)
    if not found:
        raise BadConfiguration("The list has no NAME==VERSION.", "Write it with: pip freeze.")
    return found


def normalize(name: str) -> str:
    """Return a distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def list_needs(pins: Mapping[str, str], known: Sequence[str] | None = None) -> list[str]:
    """Return what the runtime needs, the pinned ones at their versions; other pins only where it needs them too."""
    requirements = known if known is not None else importlib.metadata.requires("airgate") or []
    needs = []
    for requirement in requirements:
        found = NAME.match(requirement)
        if found and EXTRA.search(requirement) and not requirement.startswith("airgate"):
            name = normalize(found.group(1))
            needs.append(f"{name}=={pins[name]}" if name in pins else requirement.split(";")[0].strip())
    return needs


def resolve(needs: Sequence[str], constraints: Path, wheels: Path) -> list[dict[str, Any]]:
    """Return what pip would install of a folder of wheels. Raises MissingLibrary naming what is not there."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    offline = ["--no-index", "--only-binary=:all:", "--find-links", str(wheels), "--constraint", str(constraints)]
    done = subprocess.run([*command, *offline, *needs], capture_output=True, text=True, check=False)
    if done.returncode:
        lacking = LACKING.search(done.stderr)
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = f"there is no wheel of {lacking.group(1)}" if lacking else (lines or ["pip cannot run"])[-1][:200]
        raise MissingLibrary(f"A runtime cannot be made of {wheels}: {reason}.", HINT_WHEELS)
    report: dict[str, Any] = json.loads(done.stdout)
    return list(report["install"])


def write_lock(installs: Sequence[Mapping[str, Any]]) -> str:
    """Return the lock: exact versions with hashes, in the order of their names."""
    entries = []
    for install in installs:
        metadata, digest = install["metadata"], install["download_info"]["archive_info"]["hashes"]["sha256"]
        entries.append(f"{normalize(metadata['name'])}=={metadata['version']} \\\n    --hash=sha256:{digest}\n")
    return "".join(sorted(entries))
