"""The demands, each repeated so many rounds. They leave no pod behind, and the plugin running.

Who fails says in an AssertionError what was held or offered, or in a TooLate what did not come.
"""

import random

from tests.cluster.wait import wait_until
from tests.plugin_conformance.stand import LIMIT_S, Stand, choose
from tests.plugin_conformance.subjects import Subject

ID_MOST = 63
HOLDER, OTHER = "holder", "other"


def check_listing(stand: Stand, subject: Subject) -> None:
    """Every device is on offer, to the kubelet and to the scheduler; each under an id of its own."""
    offered = stand.wait_offered(subject.resource, subject.count)
    assert len(set(offered)) == subject.count
    assert all(0 < len(id_) <= ID_MOST for id_ in offered)
    wait_until("The Node's count", lambda: stand.read_count(subject.resource) == subject.count, LIMIT_S)


def check_allocation(stand: Stand, subject: Subject) -> None:
    """Each pod holds as many as it asked for, no device is held twice, and what is left is granted again."""
    offered = set(stand.wait_offered(subject.resource, subject.count))
    stand.run(HOLDER, subject.resource, 1)
    first = stand.wait_running(HOLDER, subject.resource, 1)
    stand.run(OTHER, subject.resource, subject.count - 1)
    assert stand.wait_running(OTHER, subject.resource, subject.count - 1) == offered - first
    stand.remove(HOLDER, OTHER)
    stand.run(HOLDER, subject.resource, subject.count)
    assert stand.wait_running(HOLDER, subject.resource, subject.count) == offered
    stand.remove(HOLDER)


def check_preference(stand: Stand, subject: Subject, count: int) -> None:
    """What the plugin hints is what a pod gets."""
    offered = stand.wait_offered(subject.resource, subject.count)
    stand.run(HOLDER, subject.resource, count)
    held = stand.wait_running(HOLDER, subject.resource, count)
    assert subject.is_preferred(held, offered), held
    stand.remove(HOLDER)


def check_health(stand: Stand, subject: Subject, chance: random.Random, rounds: int) -> None:
    """A device that dies is offered no more and one that comes back is; the pod that held it keeps it and runs."""
    offered = stand.wait_offered(subject.resource, subject.count)
    stand.run(HOLDER, subject.resource, 1)
    (held,) = stand.wait_running(HOLDER, subject.resource, 1)
    for number in range(rounds):
        lost = held if number == 0 else choose(chance, offered)
        subject.lose(lost)
        assert lost not in stand.wait_offered(subject.resource, subject.count - 1)
        assert stand.wait_running(HOLDER, subject.resource, 1) == {held}
        subject.restore(lost)
        assert stand.wait_offered(subject.resource, subject.count) == offered
    stand.remove(HOLDER)


def check_kubelet_restarts(stand: Stand, subject: Subject, rounds: int) -> None:
    """After each restart every device is on offer, the pod runs with what it held, and the rest can be granted."""
    offered = stand.wait_offered(subject.resource, subject.count)
    stand.run(HOLDER, subject.resource, 1)
    held = stand.wait_running(HOLDER, subject.resource, 1)
    for _ in range(rounds):
        stand.restart_kubelet()
        assert stand.wait_offered(subject.resource, subject.count) == offered
        assert stand.wait_running(HOLDER, subject.resource, 1) == held
    grant_the_rest(stand, subject, set(offered) - held)
    stand.remove(HOLDER)


def check_plugin_kills(stand: Stand, subject: Subject, rounds: int) -> None:
    """After each SIGKILL and start every device is on offer, the pod keeps what it held, and nobody else gets it."""
    offered = stand.wait_offered(subject.resource, subject.count)
    stand.run(HOLDER, subject.resource, 1)
    held = stand.wait_running(HOLDER, subject.resource, 1)
    for _ in range(rounds):
        subject.kill()
        stand.wait_offered(subject.resource, 0)
        subject.start()
        assert stand.wait_offered(subject.resource, subject.count) == offered
        assert stand.wait_running(HOLDER, subject.resource, 1) == held
        grant_the_rest(stand, subject, set(offered) - held)
    stand.remove(HOLDER)


def grant_the_rest(stand: Stand, subject: Subject, rest: set[str]) -> None:
    """Let a second pod have every device that the first does not hold."""
    stand.run(OTHER, subject.resource, len(rest))
    assert stand.wait_running(OTHER, subject.resource, len(rest)) == rest
    stand.remove(OTHER)


def check_power_cut(stand: Stand, subject: Subject) -> None:
    """What held devices runs again with as many, though the plugin came up after the kubelet; nobody helps.

    The kubelet refuses a pod whose plugin is not there yet, for good; its Deployment makes another.
    """
    stand.wait_offered(subject.resource, subject.count)
    counts = {HOLDER: 1, OTHER: subject.count - 1}
    for name, count in counts.items():
        stand.deploy(name, subject.resource, count)
        stand.wait_running(name, subject.resource, count)
    subject.kill()
    stand.cut_power()
    subject.start()
    offered = set(stand.wait_offered(subject.resource, subject.count))
    held = [stand.wait_running(name, subject.resource, count) for name, count in counts.items()]
    assert held[0] | held[1] == offered
    assert not held[0] & held[1]
    stand.remove(*counts)
