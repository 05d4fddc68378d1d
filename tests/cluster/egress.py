"""Closes a node's way out and counts what tried to leave.

The rules stand in the node's own network namespace, in a table that neither kube-proxy nor CNI writes to, behind
routing: they see the node's own packets and those of its pods alike.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.cluster.command import run
from tests.cluster.network import GATEWAY, POD_RANGE, SUBNET

CHAIN = "AIRGATE-EGRESS"
DEVICE = "eth0"


@dataclass(frozen=True, slots=True)
class Attempts:
    """What tried to leave since the counters were zeroed, in packets; every one of them was dropped.

    connections  packets that would open a connection (a retry counts again), whatever their protocol
    dns          DNS queries, over UDP or TCP
    other        everything else, IPv6 too

    What a kernel says to its own link (multicast to 224.0.0.0/24 and ff02::/16) is dropped and not counted.
    """

    connections: int
    dns: int
    other: int

    @property
    def total(self) -> int:
        """Return the sum: 0 is a node that kept to itself."""
        return self.connections + self.dns + self.other


def close_egress(pid: int, allowed: Iterable[str]) -> None:
    """Drop whatever leaves the network namespace of process `pid`, but for peers, pods and `allowed`.

    `allowed` are iptables matches such as "-d 10.89.200.1 -p tcp --dport 5000". Answers to connections from outside
    pass: the host can call the node.
    """
    rules = [f"-N {CHAIN}", f"-A {CHAIN} -m conntrack --ctstate ESTABLISHED,RELATED --ctdir REPLY -j RETURN"]
    rules += [f"-A {CHAIN} {match} -j RETURN" for match in allowed]
    rules += [f"-A {CHAIN} -d {POD_RANGE} -j RETURN", f"-A {CHAIN} -d 224.0.0.0/24 -j DROP"]
    rules += [f"-A {CHAIN} -p {protocol} --dport 53 -m comment --comment dns -j DROP" for protocol in ("udp", "tcp")]
    rules += [
        f"-A {CHAIN} ! -d {GATEWAY} -m iprange --dst-range {SUBNET[2]}-{SUBNET[-2]} -j RETURN",
        f"-A {CHAIN} -m conntrack --ctstate NEW -m comment --comment connections -j DROP",
        f"-A {CHAIN} -m comment --comment other -j DROP",
        f"-A POSTROUTING -o {DEVICE} -j {CHAIN}",
    ]
    for rule in rules:
        _iptables("iptables", pid, rule)
    _close_ipv6(pid)


def _close_ipv6(pid: int) -> None:
    rules = [f"-N {CHAIN}", f"-A {CHAIN} -d ff02::/16 -j DROP", f"-A {CHAIN} -m comment --comment other -j DROP"]
    for rule in (*rules, f"-A POSTROUTING -o {DEVICE} -j {CHAIN}"):
        _iptables("ip6tables", pid, rule)


def read_attempts(pid: int) -> Attempts:
    """Return the counters of the namespace of process `pid`."""
    counted = {"connections": 0, "dns": 0, "other": 0}
    for program in ("iptables", "ip6tables"):
        for packets, name in re.findall(r"^\s*(\d+).*?/\* (\w+) \*/", _iptables(program, pid, f"-nvxL {CHAIN}"), re.M):
            counted[name] += int(packets)
    return Attempts(**counted)


def zero_attempts(pid: int) -> None:
    """Set the counters of the namespace of process `pid` to 0."""
    for program in ("iptables", "ip6tables"):
        _iptables(program, pid, f"-Z {CHAIN}")


def _iptables(program: str, pid: int, rule: str) -> str:
    return run("nsenter", "--target", str(pid), "--net", program, "-w", "-t", "mangle", *rule.split()).stdout
