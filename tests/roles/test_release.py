"""What inventory/release.yml wishes becomes one locked release."""

from __future__ import annotations

import pytest
from ansible.module_utils.airgate_release import put, split_name


@pytest.mark.parametrize(
    ("name", "registry", "repository"),
    [
        ("airgate.local/webapp:0.1.0", "airgate.local", "webapp"),
        ("registry.site:5000/airgate/web:1", "registry.site:5000", "airgate/web"),
        ("registry.site:5000/airgate/web", "registry.site:5000", "airgate/web"),
    ],
)
def test_a_name_is_split_as_charts_want_it(name: str, registry: str, repository: str) -> None:
    """A registry's port is not taken for a tag."""
    assert split_name(name) == {"registry": registry, "repository": repository}


def test_a_digest_is_put_into_a_list_without_touching_its_neighbours() -> None:
    """The runtimes are a list; each has an image of its own."""
    values = {"runtimes": [{"slug": "a", "image": {"registry": "r"}}, {"slug": "b"}]}
    after = put(values, ["runtimes", "0", "image"], {"digest": "d"})
    assert after == {"runtimes": [{"slug": "a", "image": {"registry": "r", "digest": "d"}}, {"slug": "b"}]}
    assert put(values, ["runtimes", "a", "image"], {"digest": "d"}) == after
    assert put({}, ["web", "image"], {"digest": "d"}) == {"web": {"image": {"digest": "d"}}}
