"""Kubernetes, etcd, kubectl, Helm, containerd, the addons' servers and load clients, each built from its Go module.

Versions are pinned by the go.mod and go.sum of the folders below programs/. 1.34 is the last Kubernetes minor that
runs on cgroup v1 without asking.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.cluster.command import ensure_tools, run
from tests.cluster.store import Store, compute_key

SOURCES = Path(__file__).parent / "programs"
PACKAGES = {
    "kubernetes": (".", "tool"),
    "containerd": ("tool",),
    "addons": ("./coredns", "./pause", "tool"),
    "load": ("tool",),  # clients of benchmarks
}
SAMPLE_PLUGIN = "k8s.io/kubernetes/test/images/sample-device-plugin"
# The variables in which a release build leaves its version; Helm takes charts for Kubernetes 1.20 without them.
KUBERNETES_VARIABLES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
HELM_VARIABLES = ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")


def find_programs(store: Store, group: str) -> Path:
    """Return the folder with the programs of a group (a key of PACKAGES); minutes when they must be built."""
    flags = _choose_flags(group)
    build = partial(_build_packages, group, flags, PACKAGES[group])
    return store.publish(f"programs-{group}", compute_key(SOURCES / group, *flags), build)


def find_sample_plugin(store: Store) -> Path:
    """Return Kubernetes's own sample of a device plugin, built from the same module as the kubelet."""
    group, flags = "kubernetes", _choose_flags("")
    key = compute_key(SOURCES / group, SAMPLE_PLUGIN, *flags)
    build = partial(_build_packages, group, flags, (SAMPLE_PLUGIN,))
    return store.publish("programs-sample-plugin", key, build) / SAMPLE_PLUGIN.rpartition("/")[2]


def read_version(module: str, group: str = "kubernetes") -> str:
    """Return the version of a module that a group's go.mod pins, such as v1.34.4."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (SOURCES / group / "go.mod").read_text(), re.M)
    if found is None:
        raise LookupError(f"{group}/go.mod does not require {module}")
    return found[1]


def _build_packages(group: str, flags: Sequence[str], packages: Sequence[str], draft: Path) -> None:
    ensure_tools("go")
    build = ("nice", "-n", "5", "go", "build", *flags, "-o", f"{draft}/", *packages)
    run(*build, cwd=SOURCES / group, env={"CGO_ENABLED": "0", "GOWORK": "off"}, limit_s=3000)


def _choose_flags(group: str) -> list[str]:
    words = ["-s", "-w", *(_name_versions() if group == "kubernetes" else [])]
    return ["-trimpath", "-ldflags", " ".join(words)]


def _name_versions() -> list[str]:
    version = read_version("k8s.io/kubernetes")
    _, minor, _ = version.split(".")
    words = [f"-X helm.sh/helm/v3/internal/version.version={read_version('helm.sh/helm/v3')}"]
    for package in KUBERNETES_VARIABLES:
        words += [f"-X {package}.gitVersion={version}", f"-X {package}.gitMajor=1", f"-X {package}.gitMinor={minor}"]
    for package in HELM_VARIABLES:
        words += [f"-X {package}.k8sVersionMajor=1", f"-X {package}.k8sVersionMinor={minor}"]
    return words
