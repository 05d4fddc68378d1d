#!/usr/bin/python
"""Ansible module: one image lies in the bundle's OCI layout, at the digest that the release asks for."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_layout import NAME, ImageRefused, Tools, Wanted, add_image, is_held, read_index
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_bundle_image
short_description: Put one image into the bundle's OCI layout
options:
  layout: {description: "Folder of the OCI layout.", type: path, required: true}
  name: {description: "Full name that the image has in the cluster.", type: str, required: true}
  source:
    description: "One key: registry (a reference), store (a name in the podman store) or file (an OCI archive)."
    type: dict
    required: true
  base: {description: "Folder that relative files start from.", type: path, required: true}
  platform: {description: "Such as linux/amd64.", type: str, required: true}
  digest: {description: "Digest that the image must have; empty takes what comes.", type: str, default: ""}
  scratch: {description: "Folder for big temporary files.", type: path, required: true}
  authfile: {description: "Credentials for a registry, as skopeo login writes them.", type: path}
author: [Airgate]
"""

EXAMPLES = r"""
- name: The web image is in the bundle
  airgate_bundle_image:
    layout: /srv/bundle/images
    name: airgate.local/webapp:0.1.0
    source: {registry: "registry.site/airgate/webapp:0.1.0"}
    base: /srv
    platform: linux/amd64
    scratch: /srv/scratch
"""

RETURN = r"""
"""

OPTIONS = {
    "layout": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
    "source": {"type": "dict", "required": True},
    "base": {"type": "path", "required": True},
    "platform": {"type": "str", "required": True},
    "digest": {"type": "str", "default": ""},
    "scratch": {"type": "path", "required": True},
    "authfile": {"type": "path"},
}
KINDS = ("registry", "store", "file")


def main() -> None:
    """Add the image unless it is there; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    try:
        module.exit_json(changed=apply(module))
    except ImageRefused as error:
        module.fail_json(msg=str(error))


def apply(module: AnsibleModule) -> bool:
    """Return whether the layout changed, or in check mode would."""
    given = module.params
    layout, wanted = Path(given["layout"]), read_wanted(given)
    if is_held(layout, wanted):
        return False
    if module.check_mode:
        return wanted.name not in {one["annotations"][NAME] for one in read_index(layout)}
    return add_image(layout, wanted, Tools(given["scratch"], given["authfile"]))


def read_wanted(given: dict[str, object]) -> Wanted:
    """Return what is asked for; raise ImageRefused when the source is of no known kind."""
    source = given["source"]
    if len(source) != 1 or next(iter(source)) not in KINDS:
        raise ImageRefused(
            f"{given['name']} needs one source of {', '.join(KINDS)}; write it into inventory/release.yml."
        )
    kind, place = next(iter(source.items()))
    place = str(Path(given["base"]) / place) if kind == "file" else str(place)
    return Wanted(given["name"], kind, place, given["platform"], given["digest"] or None)


if __name__ == "__main__":
    main()
