#!/usr/bin/python
"""Ansible module: containerd holds the release's images, each as locked, whole and pinned."""

from __future__ import annotations

import shlex
from pathlib import Path

from ansible.module_utils.airgate_images import (
    PIN,
    Held,
    Image,
    ImagesRefused,
    check_images,
    import_image,
    plan_imports,
    plan_pins,
    read_held,
    read_whole,
)
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_images
short_description: Import, pin and compare a release's images
options:
  images: {description: "The release's images, name and digest each.", type: list, elements: dict, required: true}
  layout: {description: "Folder of the bundle's OCI layout.", type: path, required: true}
  platform: {description: "Such as linux/amd64.", type: str, required: true}
  ctr: {description: "The command that speaks to containerd.", type: str, required: true}
  state: {description: "Present imports, absent removes.", type: str, choices: [present, absent], default: present}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
imported: {description: "Names of the images that were imported.", type: list, returned: success}
"""

OPTIONS = {
    "images": {"type": "list", "elements": "dict", "required": True},
    "layout": {"type": "path", "required": True},
    "platform": {"type": "str", "required": True},
    "ctr": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Bring containerd to the release; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    images = [Image(one["name"], one["digest"]) for one in module.params["images"]]
    act = apply_present if module.params["state"] == "present" else apply_absent
    try:
        module.exit_json(**act(module, images))
    except ImagesRefused as error:
        module.fail_json(msg=str(error))


def apply_present(module: AnsibleModule, images: list[Image]) -> dict[str, object]:
    """Import what is missing one at a time, pin, and compare."""
    held, whole = find_held(module)
    missing, pins = plan_imports(images, held, whole), plan_pins(images, held)
    result = {"changed": bool(missing or pins), "imported": [image.name for image in missing]}
    if not module.check_mode and result["changed"]:
        for image in missing:
            import_image(Path(module.params["layout"]), image, command(module), module.params["platform"])
        for name in plan_pins(images, find_held(module)[0]):
            run(module, "image", "label", name, PIN)
        check_images(images, *find_held(module))
    return result


def apply_absent(module: AnsibleModule, images: list[Image]) -> dict[str, object]:
    """Remove the names of the release's images."""
    held, _ = find_held(module)
    names = [name for image in images for name in image.names if name in held]
    for name in [] if module.check_mode else names:
        run(module, "image", "rm", name)
    return {"changed": bool(names), "imported": []}


def find_held(module: AnsibleModule) -> tuple[dict[str, Held], set[str]]:
    """Return what containerd holds; nothing in check mode while there is no containerd."""
    try:
        return read_held(run(module, "image", "ls")), read_whole(run(module, "image", "check"))
    except ImagesRefused:
        if module.check_mode:
            return {}, set()
        raise


def run(module: AnsibleModule, *arguments: str) -> str:
    """Return what containerd's tool prints; raise ImagesRefused with its words."""
    try:
        status, words, complaint = module.run_command([*command(module), *arguments], handle_exceptions=False)
    except OSError as error:
        status, words, complaint = 1, "", str(error)
    if status != 0:
        raise ImagesRefused(f"containerd does not answer `{' '.join(arguments)}`: {' '.join(complaint.split())}.")
    return words


def command(module: AnsibleModule) -> list[str]:
    """Return the words of the command that speaks to containerd."""
    return shlex.split(module.params["ctr"])


if __name__ == "__main__":
    main()
