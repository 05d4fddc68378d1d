"""Why something waits, in one sentence: what is asked, how much is free, and who holds the rest."""

from collections import Counter
from collections.abc import Iterable

from airgate_web.domain.amounts import MIB_A_GIB, MILLIS_A_CORE, Amounts
from airgate_web.domain.workload import NODE_CLASS, Holder, Kind, NodeFacts, Observation, Replica, ReplicaState


def explain_wait(kind: Kind, amounts: Amounts, replica: Replica, observed: Observation) -> str:
    """Return why `replica` is not ready, or "" when it is.

    The first of these that is true: no node of its class, no node large enough, no card free, none to be had while
    somebody holds an unhealthy one; else what the cluster says itself.
    """
    if replica.state is ReplicaState.READY:
        return ""
    if replica.state is ReplicaState.WAITING:
        nodes = find_nodes(kind, observed)
        return (
            explain_no_node(kind, nodes)
            or explain_too_small(amounts, nodes)
            or explain_no_card(amounts, nodes, observed)
            or explain_hidden(amounts, nodes, observed)
            or f"{replica.name} waits: {replica.reason or 'the cluster gives no reason yet'}."
        )
    return f"{replica.name}: {replica.reason}" if replica.reason else ""


def find_nodes(kind: Kind, observed: Observation) -> tuple[NodeFacts, ...]:
    """Return the ready nodes of the class that workloads of this kind run on."""
    return tuple(node for node in observed.nodes if node.ready and NODE_CLASS[kind] in node.classes)


def explain_no_node(kind: Kind, nodes: tuple[NodeFacts, ...]) -> str:
    """Return a sentence when no node of the class is ready."""
    if nodes:
        return ""
    return f"No ready node has the class '{NODE_CLASS[kind]}': label one, or bring its node back."


def explain_too_small(amounts: Amounts, nodes: tuple[NodeFacts, ...]) -> str:
    """Return a sentence when no single node could ever hold one replica."""
    if amounts.cpu_millis > max(node.cpu_millis for node in nodes):
        most = max(node.cpu_millis for node in nodes) / MILLIS_A_CORE
        return f"Asks {amounts.cpu_millis / MILLIS_A_CORE:g} cores, the largest node has {most:g}: ask for less."
    if amounts.memory_mib > max(node.memory_mib for node in nodes):
        most = max(node.memory_mib for node in nodes) / MIB_A_GIB
        return f"Asks {amounts.memory_mib / MIB_A_GIB:g} GiB of memory, the largest node has {most:.1f}: ask for less."
    return ""


def explain_no_card(amounts: Amounts, nodes: tuple[NodeFacts, ...], observed: Observation) -> str:
    """Return a sentence when no node has as many free cards as one replica asks for; it names who holds them."""
    asked, resource = amounts.accelerators, amounts.resource
    if not asked or max(find_free(node, resource, observed) for node in nodes) >= asked:
        return ""
    capacity = sum(node.capacity.get(resource, 0) for node in nodes)
    if not capacity:
        return f"Asks {asked} {resource}, and no node has any: check the cards, or deploy without."
    most = max(node.capacity.get(resource, 0) for node in nodes)
    if asked > most:
        return f"Asks {asked} {resource} on one node, the largest has {most}: ask for less."
    free = sum(find_free(node, resource, observed) for node in nodes)
    spread = ", not enough on any one node" if free >= asked else ""
    return f"Asks {asked} {resource}, {free} of {capacity} free{spread}{explain_holders(resource, nodes, observed)}."


def find_free(node: NodeFacts, resource: str, observed: Observation) -> int:
    """Return how many healthy cards of a node nobody holds; never below 0.

    A card that died in somebody's hands hides no healthy one, as it does in a scheduler's sum of requests. The lesser
    of two counts is taken: what a node says of its cards is some seconds old.
    """
    cards = [each for each in observed.devices if (each.node, each.resource) == (node.name, resource)]
    sick = {each.id for each in cards if not each.healthy}
    healthy = min(node.allocatable.get(resource, 0), node.capacity.get(resource, 0) - len(sick))
    held = sum(
        holder.count - len(sick.intersection(holder.devices))
        for holder in observed.holders
        if (holder.node, holder.resource) == (node.name, resource)
    )
    return max(0, healthy - held)


def explain_hidden(amounts: Amounts, nodes: tuple[NodeFacts, ...], observed: Observation) -> str:
    """Return a sentence when cards are free, but the scheduler counts unhealthy ones that are held as taken too."""
    sick = {(device.node, device.id) for device in observed.devices if not device.healthy}
    names = {node.name for node in nodes}
    for holder in observed.holders:
        held = [each for each in holder.devices if (holder.node, each) in sick]
        if held and holder.resource == amounts.resource and holder.node in names:
            return (
                f"Cards are free, but {holder.owner} holds {' and '.join(held)}, unhealthy, which the scheduler counts "
                f"as one of the healthy ones: end {holder.replica}."
            )
    return ""


def explain_holders(resource: str, nodes: tuple[NodeFacts, ...], observed: Observation) -> str:
    """Return ": 2 held by a/b, 1 by c/d, 1 unhealthy (qaic3: …)" or "" when nobody holds any and all are well."""
    parts = list_holders(resource, nodes, observed.holders)
    sick = sum(node.capacity.get(resource, 0) - node.allocatable.get(resource, 0) for node in nodes)
    if sick > 0:
        parts.append(f"{sick} unhealthy{explain_sick(resource, observed)}")
    return ": " + ", ".join(parts) if parts else ""


def list_holders(resource: str, nodes: tuple[NodeFacts, ...], holders: Iterable[Holder]) -> list[str]:
    """Return "2 held by a/b" for each owner, who holds most first."""
    held: Counter[str] = Counter()
    names = {node.name for node in nodes}
    for holder in holders:
        if holder.resource == resource and holder.node in names:
            held[holder.owner] += holder.count
    return [f"{count} held by {owner}" for owner, count in sorted(held.items(), key=lambda item: (-item[1], item[0]))]


def explain_sick(resource: str, observed: Observation) -> str:
    """Return " (id: reason, …)" for the unhealthy devices that the cluster can name."""
    sick = [d for d in observed.devices if d.resource == resource and not d.healthy]
    return " (" + ", ".join(f"{d.id}: {d.reason or 'no reason given'}" for d in sick) + ")" if sick else ""


def explain_impossible(kind: Kind, amounts: Amounts, observed: Observation) -> tuple[str, str]:
    """Return (sentence, hint) when no node of the class could ever hold one replica, else ("", "").

    Nodes that are not ready and cards that are held or ill count: they may come back. Where no node is known, nothing
    is impossible, except cards of a kind that nobody has seen.
    """
    nodes = tuple(node for node in observed.nodes if NODE_CLASS[kind] in node.classes)
    return explain_unknown_resource(amounts, nodes) or (explain_too_much(amounts, nodes) if nodes else ("", ""))


def explain_unknown_resource(amounts: Amounts, nodes: tuple[NodeFacts, ...]) -> tuple[str, str] | None:
    """Return a sentence that lists what exists when no node has any card of the kind."""
    known = sorted({name for node in nodes for name, count in node.capacity.items() if count})
    if not amounts.accelerators or amounts.resource in known:
        return None
    there = f"there is: {', '.join(known)}" if known else "no node has any card"
    hint = "Choose one of these, or deploy without." if known else "Deploy without, or check the cards."
    return f"No node has the accelerator '{amounts.resource}'; {there}.", hint


def explain_too_much(amounts: Amounts, nodes: tuple[NodeFacts, ...]) -> tuple[str, str]:
    """Return a sentence when the largest node is smaller than one replica."""
    most = max(node.capacity.get(amounts.resource, 0) for node in nodes)
    if amounts.accelerators > most:
        return f"Asks {amounts.accelerators} {amounts.resource}, the node with the most has {most}.", "Ask for less."
    return explain_too_small(amounts, nodes), ""
