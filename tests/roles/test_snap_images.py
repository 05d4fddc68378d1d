"""Kubernetes comes up without a network: the images of MicroK8s' own pods are in the bundle, or nothing is built."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.airgate_snap_images import (
    FILES,
    Own,
    SnapUnreadable,
    find_images,
    full_name,
    judge_images,
    plan_images,
    read_snap,
)

from tests.roles.conftest import Play, build_in

OURS = "airgate.local/web:1"
MICROK8S = [{"name": "microk8s", "from": {"file": "hello.snap"}, "classic": True}]


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ('    sandbox_image = "registry.k8s.io/pause:3.10"', {"registry.k8s.io/pause:3.10"}),
        ('    sandbox = "registry.site:5000/pause:3"', {"registry.site:5000/pause:3"}),
        ("image: docker.io/calico/cni:v3.28.1\n", {"docker.io/calico/cni:v3.28.1"}),
        ("- {name: helper, image: busybox:1, imagePullPolicy: Never}", {"docker.io/library/busybox:1"}),
        (
            "image: cdkbot/hostpath-provisioner:1.5.0\nenv:\n  - name: BUSYBOX_IMAGE\n    value: busybox:1.28.4\n",
            {"docker.io/cdkbot/hostpath-provisioner:1.5.0", "docker.io/library/busybox:1.28.4"},
        ),
        ("image: $COREDNS_IMAGE\nimagePullPolicy: IfNotPresent\n", set()),
    ],
)
def test_images_are_found_as_manifests_and_containerd_name_them(text: str, images: set[str]) -> None:
    """Also those that a pod starts others with; a variable names none."""
    assert find_images(text) == images


def test_only_the_files_of_what_the_roles_turn_on_are_read() -> None:
    """A snap brings many addons; the images of those that nobody turns on do not travel."""
    read = ("addons/core/addons/dns/coredns.yaml", "addons/dns.yaml", "default-args/containerd-template.toml",
            "upgrade-scripts/000-switch-to-calico/resources/calico.yaml")  # fmt: skip
    left = ("addons/core/addons/ingress/ingress.yaml", "upgrade-scripts/x/calico.s390x.yaml", "addons/dns/enable")
    assert [bool(FILES.search(path)) for path in (*read, *left)] == [True] * len(read) + [False] * len(left)


def test_what_the_release_does_not_list_is_added_under_its_full_name() -> None:
    """A listed image stays as it is, however it is written."""
    own = Own(("docker.io/coredns/coredns:1", "registry.k8s.io/pause:3"), calico=False)
    assert plan_images(own, ["coredns/coredns:1", OURS]) == ["registry.k8s.io/pause:3"]
    assert full_name("localhost/a:1") == "localhost/a:1"


def test_an_image_that_nobody_names_is_named() -> None:
    """Calico's are needed where the snap brings Calico, and where nothing is known of the snap."""
    assert judge_images(Own(), [OURS]) == (
        "pause, coredns, provisioner, calico/cni, calico/node, calico/kube-controllers"
    )
    known = ("a.test/pause:1", "a.test/local-path-provisioner:v1")
    assert judge_images(Own(known, calico=False), ["docker.io/coredns/coredns:1@sha256:" + "0" * 64]) == ""


@pytest.mark.cluster  # for mksquashfs and skopeo
def test_a_snap_is_read_and_a_release_without_its_images_is_refused(tmp_path: Path, play: Play) -> None:
    """The sentence names them and the variable; with the variable the release's own list counts."""
    tree = tmp_path / "tree"
    (tree / "default-args").mkdir(parents=True)
    (tree / "default-args/containerd-template.toml").write_text('sandbox_image = "a.test/pause:1"\n')
    subprocess.run(["mksquashfs", tree, tmp_path / "m.snap", "-quiet", "-no-progress"], check=True, capture_output=True)
    assert read_snap(tmp_path / "m.snap", tmp_path) == Own(("a.test/pause:1",), calico=False)
    with pytest.raises(SnapUnreadable):
        read_snap(tree / "default-args/containerd-template.toml", tmp_path)
    refused = build_in(tmp_path, play, "bundle", snaps=MICROK8S)
    said = " ".join(refused.output.split())
    assert refused.status != 0
    assert "Kubernetes would not start from this bundle: microk8s.snap cannot be read" in said
    assert "no image that ends in pause, coredns, provisioner, calico/cni" in said
    assert "airgate_bundle_kubernetes_images: as_listed" in said
    shutil.rmtree(tmp_path / "bundle")
    listed = build_in(tmp_path, play, "bundle", "-e", "airgate_bundle_kubernetes_images=as_listed", snaps=MICROK8S)
    assert listed.status == 0, listed.output
