#!/usr/bin/python
"""Ansible module: the images that MicroK8s' own pods need are known, so that it starts without a network."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_snap_images import Own, SnapUnreadable, judge_images, plan_images, read_snap
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_kubernetes
short_description: Find the images of MicroK8s' own pods in its snap
options:
  snap: {description: "The microk8s snap in the bundle.", type: path, required: true}
  images: {description: "The release's images.", type: list, elements: dict, required: true}
  scratch: {description: "Folder for temporary files.", type: path, required: true}
author: [Airgate]
"""

EXAMPLES = r"""
- name: MicroK8s' images are known
  airgate_bundle_kubernetes:
    snap: /srv/bundle/snaps/microk8s.snap
    images: "{{ airgate_release.images }}"
    scratch: /var/tmp
"""

RETURN = r"""
images: {description: "Images to add to the release, as it writes them.", type: list, returned: success}
"""

OPTIONS = {
    "snap": {"type": "path", "required": True},
    "images": {"type": "list", "elements": "dict", "required": True},
    "scratch": {"type": "path", "required": True},
}


def main() -> None:
    """Answer with the images that are to be added; fail with one sentence that names those nobody knows."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    snap, listed = Path(module.params["snap"]), [image["name"] for image in module.params["images"]]
    if module.check_mode and not snap.exists():
        module.exit_json(changed=False, images=[])
    own, trouble = read(snap, Path(module.params["scratch"]))
    missing = judge_images(own, listed)
    if missing:
        module.fail_json(
            msg=f"Kubernetes would not start from this bundle: {trouble} and inventory/release.yml has no image that "
            f"ends in {missing}; add each to airgate_release.images under the name that `microk8s ctr image ls` shows "
            "where this very snap runs, or set airgate_bundle_kubernetes_images: as_listed if nothing is to be added."
        )
    added = [{"name": name, "from": {"registry": name}} for name in plan_images(own, listed)]
    module.exit_json(changed=False, images=added)


def read(snap: Path, scratch: Path) -> tuple[Own, str]:
    """Return what the snap says, and how to tell a person that it does not say more."""
    try:
        return read_snap(snap, scratch), f"{snap.name} does not name them all"
    except SnapUnreadable as error:
        return Own(), f"{snap.name} cannot be read ({error})"


if __name__ == "__main__":
    main()
