"""Everything that is built once and kept: programs, snaps, root file systems, images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.images import References, choose_references, find_images
from tests.cluster.podman_images import find_base_image, find_node_image
from tests.cluster.programs import find_programs
from tests.cluster.snaps import find_snaps
from tests.cluster.store import Store, compute_key, find_store
from tests.cluster.systems import BASE, NODE, find_system


@dataclass(frozen=True, slots=True)
class Artefacts:
    """Paths of files that must not be written to, and names of images in podman's own store.

    snaps      core, core22 and microk8s, in the order of their installation
    node_tar   the root file system of a bare node, node_image the same in podman
    base_tar   Debian 12 with Python 3.11 for `ARG BASE`, base_image the same in podman
    images     OCI archives by reference, for `ctr image import` or Cluster.load; references names them
    """

    kubectl: Path
    helm: Path
    snaps: Mapping[str, Path]
    node_tar: Path
    node_image: str
    base_tar: Path
    base_image: str
    images: Mapping[str, Path]
    references: References


def find_artefacts(store: Store | None = None) -> Artefacts:
    """Return every artefact; build what is missing: about 15 minutes from nothing on 2 cores, else a second.

    Raises ToolMissing where a program is needed that cannot be installed from here, CommandFailed where a build fails.
    """
    store = store or find_store()
    programs = find_programs(store, "kubernetes")
    node_tar, base_tar = find_system(store, NODE), find_system(store, BASE)
    return Artefacts(
        kubectl=_find_kubectl(store, programs),
        helm=programs / "helm",
        snaps=find_snaps(store),
        node_tar=node_tar,
        node_image=find_node_image(store, node_tar),
        base_tar=base_tar,
        base_image=find_base_image(store, base_tar),
        images=find_images(store),
        references=choose_references(),
    )


def _find_kubectl(store: Store, programs: Path) -> Path:
    """The one Kubernetes program is kubectl when it is called by that name."""

    def build(draft: Path) -> None:
        (draft / "kubectl").symlink_to(programs / "kubernetes")

    return store.publish("kubectl", compute_key(str(programs)), build) / "kubectl"
