"""Kubernetes, etcd, kubectl, Helm, containerd and the addons' servers, each built from its Go module.

Versions are pinned by the go.mod and go.sum of the folders below programs/. 1.34 is the last Kubernetes minor that
runs on cgroup v1 without asking.
"""

import re
from pathlib import Path

from tests.cluster.command import ensure_tools, run
from tests.cluster.store import Store, compute_key

SOURCES = Path(__file__).parent / "programs"
PACKAGES = {
    "kubernetes": (".", "tool"),
    "containerd": ("tool",),
    "addons": ("./coredns", "./pause", "tool"),
}
VERSION_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def find_programs(store: Store, group: str) -> Path:
    """Return the folder with the programs of a group (a key of PACKAGES); minutes when they must be built."""
    source = SOURCES / group
    return store.publish(f"programs-{group}", compute_key(source, *_choose_flags()), lambda draft: _build(group, draft))


def read_version(module: str, group: str = "kubernetes") -> str:
    """Return the version of a module that a group's go.mod pins, such as v1.34.4."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (SOURCES / group / "go.mod").read_text(), re.M)
    if found is None:
        raise LookupError(f"{group}/go.mod does not require {module}")
    return found[1]


def _build(group: str, draft: Path) -> None:
    ensure_tools("go")
    build = ("nice", "-n", "5", "go", "build", *_choose_flags(), "-o", f"{draft}/", *PACKAGES[group])
    run(*build, cwd=SOURCES / group, env={"CGO_ENABLED": "0", "GOWORK": "off"}, limit_s=3000)


def _choose_flags() -> list[str]:
    """The linker's flags give every program the version of Kubernetes; the others have no such variable."""
    version = read_version("k8s.io/kubernetes")
    _, minor, _ = version.split(".")
    words = ["-s", "-w"]
    for package in VERSION_VARIABLES:
        words += [f"-X {package}.gitVersion={version}", f"-X {package}.gitMajor=1", f"-X {package}.gitMinor={minor}"]
    return ["-trimpath", "-ldflags", " ".join(words)]
