"""Whether the plugin does its work, as sentences. Pure: an empty list is a yes."""

from collections.abc import Sequence

from airgate_plugin.model import Registration, Snapshot


def explain_unready(snapshot: Snapshot, registrations: Sequence[Registration]) -> list[str]:
    """Return why the kubelet cannot rely on us now.

    Ready means that the kubelet listens to every resource that has a device. A node without cards is ready: there
    is nothing to listen to.
    """
    if not snapshot.looked:
        return ["the sources have not looked yet"]
    listening = {each.resource for each in registrations if each.streams > 0}
    complaints = {each.resource: each.complaint for each in registrations}
    return [
        f"{resource}: {complaints.get(resource) or 'the kubelet does not listen'}"
        for resource in snapshot.find_resources()
        if resource not in listening
    ]
