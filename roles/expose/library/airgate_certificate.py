#!/usr/bin/python
"""Ansible module: the node has a certificate for its addresses."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.airgate_certificate import CertificateRefused, Wish, check_own, is_good, make_certificate
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: airgate_certificate
short_description: A certificate for the gateway
options:
  folder: {description: "Where a certificate that is made here lies.", type: path, required: true}
  names: {description: "DNS names.", type: list, elements: str, required: true}
  addresses: {description: "IP addresses.", type: list, elements: str, required: true}
  days: {description: "Days that a new one is valid.", type: int, required: true}
  renew_days: {description: "Days before its end that it is replaced.", type: int, required: true}
  certificate: {description: "A site's own certificate instead.", type: str, default: ""}
  key: {description: "And its key.", type: str, default: ""}
author: [Airgate]
"""

EXAMPLES = r"""
"""

RETURN = r"""
certificate: {description: "Path of the certificate.", type: str, returned: success}
key: {description: "Path of its key.", type: str, returned: success}
"""

OPTIONS = {
    "folder": {"type": "path", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
    "days": {"type": "int", "required": True},
    "renew_days": {"type": "int", "required": True},
    "certificate": {"type": "str", "default": ""},
    "key": {"type": "str", "default": "", "no_log": False},
}


def main() -> None:
    """Make or check the certificate; fail with one sentence."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    wish = Wish(tuple(given["names"]), tuple(given["addresses"]), given["days"], given["renew_days"])
    try:
        module.exit_json(**apply(module, wish))
    except CertificateRefused as error:
        module.fail_json(msg=str(error))


def apply(module: AnsibleModule, wish: Wish) -> dict[str, object]:
    """Return the module's result."""
    given, folder = module.params, Path(module.params["folder"])
    if given["certificate"] or given["key"]:
        check_own(Path(given["certificate"]), Path(given["key"]), wish)
        return {"changed": False, "certificate": given["certificate"], "key": given["key"]}
    good = is_good(folder, wish)
    if not good and not module.check_mode:
        make_certificate(folder, wish)
    return {"changed": not good, "certificate": str(folder / "tls.crt"), "key": str(folder / "tls.key")}


if __name__ == "__main__":
    main()
