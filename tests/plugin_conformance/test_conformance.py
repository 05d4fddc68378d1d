"""Our plugin on a real kubelet, each demand twice; the soak has twenty rounds."""

import json
import random
from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.cluster.wait import wait_until
from tests.plugin_conformance import checks
from tests.plugin_conformance.stand import LIMIT_S, NAMESPACE, Stand
from tests.plugin_conformance.subjects import SUBJECTS, LongIds, Subject

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
SEED = 20261127
ROUNDS = 2
LOSABLE = [name for name, subject in SUBJECTS.items() if subject.can_lose]
LASTING = [name for name, subject in SUBJECTS.items() if subject.lasts]
OPEN_ALL = ("sh", "-c", "for node in /dev/accel/*; do : <>$node || exit 1; echo $node; done; id -u")


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on these subjects."""
    return pytest.mark.parametrize("subject", names, indirect=True)


@pytest.fixture(scope="module")
def stand(suite_cluster: Cluster) -> Iterator[Stand]:
    """A node with a real kubelet."""
    stand = Stand(suite_cluster)
    yield stand
    stand.close()


@pytest.fixture(scope="module")
def subject(request: pytest.FixtureRequest, stand: Stand) -> Iterator[Subject]:
    """One plugin after the other, running over its devices."""
    subject = SUBJECTS[request.param]()
    subject.prepare(stand)
    subject.start()
    yield subject
    subject.stop()
    stand.wait_offered(subject.resource, 0)


@on(*SUBJECTS)
def test_every_device_is_registered_and_listed(stand: Stand, subject: Subject) -> None:
    """Ids of up to 63 characters included."""
    checks.check_listing(stand, subject)
    if isinstance(subject, LongIds):
        assert {len(id_) for id_ in stand.find_offered(subject.resource)} == {checks.ID_MOST}


@on(*SUBJECTS)
def test_devices_are_granted_once_and_again(stand: Stand, subject: Subject) -> None:
    """No two pods hold one, and none is lost for ever."""
    checks.check_allocation(stand, subject)


@on(*SUBJECTS)
def test_the_plugin_s_preference_is_followed(stand: Stand, subject: Subject) -> None:
    """A whole card for who asks for as much."""
    checks.check_preference(stand, subject, min(4, subject.count))


@on(*LOSABLE)
def test_devices_die_and_come_back(stand: Stand, subject: Subject) -> None:
    """In the hands of a pod, too."""
    checks.check_health(stand, subject, random.Random(SEED), ROUNDS)


@on("airgate")
def test_a_container_that_is_not_root_opens_what_it_was_granted(stand: Stand, subject: Subject) -> None:
    """Nodes of mode 0660 of the group qaic, by CDI; and it sees no other node."""
    stand.run("opener", subject.resource, 2, OPEN_ALL)
    ask = ("-n", NAMESPACE, "get", "pod", "opener", "-o", "json")
    ended = ("Succeeded", "Failed")
    wait_until("The end", lambda: json.loads(stand.cluster.kubectl(*ask).stdout)["status"]["phase"] in ended, LIMIT_S)
    said = stand.cluster.kubectl("-n", NAMESPACE, "logs", "opener").stdout.split()
    assert (len(said), said[-1]) == (3, "65532"), said
    stand.remove("opener")


@on(*SUBJECTS)
def test_the_kubelet_may_restart(stand: Stand, subject: Subject) -> None:
    """Three times here, twenty in the soak."""
    checks.check_kubelet_restarts(stand, subject, ROUNDS)


@on(*SUBJECTS)
def test_the_plugin_may_be_killed_while_pods_hold_devices(stand: Stand, subject: Subject) -> None:
    """Three times here, twenty in the soak."""
    checks.check_plugin_kills(stand, subject, ROUNDS)


@on(*LASTING)
def test_after_a_power_cut_with_a_late_plugin_pods_come_back(stand: Stand, subject: Subject) -> None:
    """The order in which kubelet and plugin come up costs nobody a device."""
    checks.check_power_cut(stand, subject)
