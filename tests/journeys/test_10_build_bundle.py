"""The sender builds one bundle of everything."""

from __future__ import annotations

import json

import pytest

from tests.journeys import site
from tests.journeys.conftest import Medium

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_everything_that_the_release_names_is_in_the_bundle(medium: Medium) -> None:
    """Images share their layers, and every file has a digest in the signed manifest."""
    assert medium.built.status == 0, medium.built.output
    manifest = json.loads((medium.bundle / "manifest.json").read_text())
    names = {image["name"] for image in manifest["release"]["images"]}
    assert {f"airgate.local/{name}:0.1.0" for name in ("webapp", "gateway", "serving", "device-plugin")} <= names
    assert [snap["name"] for snap in manifest["release"]["snaps"]] == ["core", "core22", "microk8s"]
    found = {str(path.relative_to(medium.bundle)) for path in medium.bundle.rglob("*") if path.is_file()}
    assert found - {entry["path"] for entry in manifest["files"]} == {"manifest.json", "manifest.json.sig"}


def test_whoever_holds_the_key_can_look_at_it_before_it_travels(medium: Medium) -> None:
    """bundle_verify.yml says that it is whole, without installing."""
    looked = site.play(
        "bundle_verify.yml", airgate_bundle_source=str(medium.bundle), airgate_bundle_public_key=medium.public_key
    )
    assert looked.status == 0, looked.output
