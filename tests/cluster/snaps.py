"""The three snaps: core and core22, which are only names and empty mount points, and the stand-in for microk8s."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from string import Template

from tests.cluster.command import ensure_tools, run
from tests.cluster.images import choose_references, extract_files
from tests.cluster.programs import find_programs, read_version
from tests.cluster.store import Store, compute_key
from tests.cluster.systems import PARTS, find_system

RECIPE = Path(__file__).parent / "snap"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl", "etcd")
CNI_PLUGINS = ("bridge", "host-local", "loopback", "portmap")
MOUNT_POINTS = (
    *("dev", "etc", "home", "lib/modules", "media", "mnt", "opt", "proc", "root", "run", "snap", "sys", "tmp"),
    *("usr/lib/snapd", "usr/src", "var/lib/snapd", "var/log", "var/snap", "var/tmp"),
)
BASES = {
    "core": "name: core\nversion: '16'\nsummary: Empty stand-in for core\ndescription: Empty.\ntype: os\n",
    "core22": "name: core22\nversion: '22'\nsummary: Empty stand-in for core22\ndescription: Empty.\ntype: base\n",
}
# What mksquashfs is told, so that snapd accepts the file.
PACKING = (
    "-noappend",
    "-comp",
    "zstd",
    "-Xcompression-level",
    "4",
    "-all-root",
    "-no-xattrs",
    "-no-fragments",
    "-no-progress",
    "-quiet",
)


def find_snaps(store: Store) -> Mapping[str, Path]:
    """Return the snap files by name, in the order in which they are to be installed."""
    kubernetes, containerd = find_programs(store, "kubernetes"), find_programs(store, "containerd")
    parts = find_system(store, PARTS)
    key = compute_key(RECIPE, repr(PACKING), str(kubernetes), str(containerd), str(parts), Path(__file__))

    def build(draft: Path) -> None:
        for name, yaml in BASES.items():
            _pack_base(draft, name, yaml)
        _pack_microk8s(draft, kubernetes, containerd, parts)

    folder = store.publish("snaps", key, build)
    return {name: folder / f"{name}.snap" for name in (*BASES, "microk8s")}


def repack_snap(snap: Path, target: Path, version: str) -> Path:
    """Write a copy of a snap that differs in its version alone: the next revision for a refresh."""
    ensure_tools("mksquashfs")
    tree = target.with_suffix(".tree")
    run("unsquashfs", "-q", "-n", "-d", tree, snap)
    yaml = tree / "meta" / "snap.yaml"
    yaml.write_text("".join(_set_version(line, version) for line in yaml.read_text().splitlines(keepends=True)))
    _squash(tree, target)
    shutil.rmtree(tree)
    return target


def _set_version(line: str, version: str) -> str:
    return f"version: {version}\n" if line.startswith("version:") else line


def _pack_base(draft: Path, name: str, yaml: str) -> None:
    tree = draft / "tree"
    for folder in (*MOUNT_POINTS, "meta"):
        (tree / folder).mkdir(parents=True)
    (tree / "meta" / "snap.yaml").write_text(f"{yaml}architectures: [amd64]\n")
    # snapd looks here for a newer snapd to become, several times a second until it finds an answer.
    (tree / "usr" / "lib" / "snapd" / "info").write_text("VERSION=1\n")
    _squash(tree, draft / f"{name}.snap")
    shutil.rmtree(tree)


def _pack_microk8s(draft: Path, kubernetes: Path, containerd: Path, parts: Path) -> None:
    tree = draft / "tree"
    shutil.copytree(RECIPE, tree)
    for program in (*kubernetes.iterdir(), *containerd.iterdir()):
        _link_or_copy(program, tree / "bin" / program.name)
    for name in COMPONENTS:
        (tree / "bin" / name).symlink_to("kubernetes")
    plugins = tree / "opt" / "cni" / "bin"
    plugins.mkdir(parents=True)
    extract_files(parts, plugins, *(f"./usr/lib/cni/{name}" for name in CNI_PLUGINS))
    extract_files(parts, tree / "bin", "./usr/sbin/runc")
    _fill_in(tree)
    _squash(tree, draft / "microk8s.snap")
    shutil.rmtree(tree)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _fill_in(tree: Path) -> None:
    """Write the versions into the few files that name one; ${…} in them is the snap's own and stays."""
    values = {f"IMAGE_{name.upper()}": reference for name, reference in asdict(choose_references()).items()}
    values["KUBERNETES_VERSION"] = read_version("k8s.io/kubernetes")
    files = [tree / "meta" / "snap.yaml", tree / "default-args" / "containerd-template.toml"]
    for path in (*files, *(tree / "addons").glob("*.yaml")):
        path.write_text(Template(path.read_text()).safe_substitute(values))


def _squash(tree: Path, target: Path) -> None:
    ensure_tools("mksquashfs")
    run("nice", "-n", "5", "mksquashfs", tree, target, *PACKING)
