"""The images a cluster needs before any of ours: pause, the addons' servers, and BusyBox for helper and test pods."""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.oci import Image, write_archive
from tests.cluster.programs import find_programs, read_version
from tests.cluster.store import Store, compute_key
from tests.cluster.systems import PARTS, find_system

# A name of our own: these are built here and are not what the projects publish.
PREFIX = "airgate.test"
BUSYBOX_VERSION = "1.35"
APPLETS = (
    *("sh", "cat", "chmod", "cp", "date", "dd", "df", "echo", "env", "grep", "head", "hostname", "httpd", "id", "ip"),
    *("kill", "ln", "ls", "md5sum", "mkdir", "mv", "nc", "nslookup", "ping", "printf", "ps", "pwd", "rm", "sed", "seq"),
    *("sha256sum", "sleep", "sort", "stat", "tail", "tee", "test", "timeout", "touch", "true", "wc", "wget"),
)
# Debian's static BusyBox cannot resolve names: this one comes with the C library that it was linked with.
LIBRARIES = {
    "lib64/ld-linux-x86-64.so.2": "ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/libc.so.6": "libc.so.6",
    "lib/x86_64-linux-gnu/libresolv.so.2": "libresolv.so.2",
}


@dataclass(frozen=True, slots=True)
class References:
    """The names under which the images are imported."""

    pause: str
    coredns: str
    metrics_server: str
    local_path: str
    busybox: str


def choose_references() -> References:
    """Return the name of every image, with the version that go.mod pins."""
    coredns = read_version("github.com/coredns/coredns", "addons").removeprefix("v")
    metrics = read_version("sigs.k8s.io/metrics-server", "addons")
    local = read_version("github.com/rancher/local-path-provisioner", "addons")
    return References(
        pause=f"{PREFIX}/pause:1",
        coredns=f"{PREFIX}/coredns:{coredns}",
        metrics_server=f"{PREFIX}/metrics-server:{metrics}",
        local_path=f"{PREFIX}/local-path-provisioner:{local}",
        busybox=f"{PREFIX}/busybox:{BUSYBOX_VERSION}",
    )


def find_images(store: Store) -> Mapping[str, Path]:
    """Return the OCI archive of every image, by its reference."""
    servers, parts = find_programs(store, "addons"), find_system(store, PARTS)
    key = compute_key(repr(choose_references()), repr(APPLETS), str(servers), str(parts), Path(__file__))
    folder = store.publish("images", key, lambda draft: _build(draft, servers, parts))
    return {image.reference: folder / _file_name(image.reference) for image in _list_images(servers, folder)}


def _build(draft: Path, servers: Path, parts: Path) -> None:
    extract_files(parts, draft, "./bin/busybox", *(f"./lib/x86_64-linux-gnu/{name}" for name in LIBRARIES.values()))
    for image in _list_images(servers, draft):
        write_archive(image, draft / _file_name(image.reference))


def extract_files(archive: Path, target: Path, *prefixes: str) -> None:
    """Lay the files of a tar archive whose names start with one of `prefixes` flat into the folder `target`."""
    with tarfile.open(archive) as source:
        for entry in source:
            content = source.extractfile(entry) if entry.isfile() and entry.name.startswith(prefixes) else None
            if content is not None:
                copy = target / Path(entry.name).name
                copy.write_bytes(content.read())
                copy.chmod(entry.mode)


def _list_images(servers: Path, tools: Path) -> list[Image]:
    names = choose_references()
    return [
        Image(names.pause, {"pause": servers / "pause"}, ["/pause"], user="65535:65535"),
        Image(names.coredns, {"coredns": servers / "coredns"}, ["/coredns"]),
        Image(names.metrics_server, {"metrics-server": servers / "metrics-server"}, ["/metrics-server"]),
        Image(
            names.local_path,
            {"bin/local-path-provisioner": servers / "local-path-provisioner"},
            ["/bin/local-path-provisioner"],
        ),
        Image(
            names.busybox,
            {"bin/busybox": tools / "busybox"} | {path: tools / name for path, name in LIBRARIES.items()},
            ["/bin/sh"],
            links={f"bin/{applet}": "busybox" for applet in APPLETS},
            user="0:0",
        ),
    ]


def _file_name(reference: str) -> str:
    return reference.rpartition("/")[2].replace(":", "-") + ".oci.tar"
