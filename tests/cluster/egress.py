"""Closes a node's way out and counts what tried to leave, and to whom.

The rules stand in the node's own network namespace, in a table that neither kube-proxy nor CNI writes to, behind
routing: they see the node's own packets and those of its pods alike.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.command import run
from tests.cluster.network import POD_RANGE, SERVICE_RANGE, SUBNET

TABLE = "airgate_egress"
DEVICE = "eth0"
COUNTERS = ("connections", "dns", "other", "strayed")


@dataclass(frozen=True, slots=True)
class Attempts:
    """What tried to leave since the counters were zeroed, in packets; every one of them was dropped.

    connections  packets that would open a connection (a retry counts again), whatever their protocol
    dns          DNS queries, over UDP or TCP
    other        everything else, IPv6 too
    strayed      for a Service of the cluster itself, in the second before kube-proxy knows it: no attempt to leave
    callers      who called whom, for IPv4: "10.1.0.7 -> 192.0.2.1 tcp 443 syn: 3"

    What a kernel says to its own link (multicast to 224.0.0.0/24 and ff02::/16) is dropped and not counted.
    """

    connections: int
    dns: int
    other: int
    strayed: int = 0
    callers: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return the sum: 0 is a node that kept to itself."""
        return self.connections + self.dns + self.other


def close_egress(pid: int, allowed: Iterable[str]) -> None:
    """Drop whatever leaves the network namespace of process `pid`, but for peers, pods and `allowed`.

    `allowed` are nftables matches such as "ip daddr 10.89.200.1 tcp dport 5000". Answers to connections from outside
    pass: the host can call the node.
    """
    passes = "".join(f"{match} accept\n" for match in allowed)
    _nft(
        pid,
        f"""
        table inet {TABLE} {{
          {"".join(f"counter {name} {{ }}" + chr(10) for name in COUNTERS)}
          set by_tcp {{
            typeof ip saddr . ip daddr . tcp dport . tcp flags
            flags dynamic; counter; size 4096
          }}
          set by_others {{
            typeof ip saddr . ip daddr . meta l4proto . th dport
            flags dynamic; counter; size 4096
          }}
          chain refused {{
            meta l4proto tcp update @by_tcp {{ ip saddr . ip daddr . tcp dport . tcp flags }}
            meta l4proto != tcp update @by_others {{ ip saddr . ip daddr . meta l4proto . th dport }}
            ip daddr {SERVICE_RANGE} counter name strayed drop
            meta l4proto {{ tcp, udp }} th dport 53 counter name dns drop
            ct state new counter name connections drop
            counter name other drop
          }}
          chain leaving {{
            type filter hook postrouting priority mangle; policy accept;
            oifname != "{DEVICE}" accept
            ip daddr 224.0.0.0/24 drop
            ip6 daddr ff02::/16 drop
            meta nfproto ipv6 counter name other drop
            ct state established,related ct direction reply accept
            {passes}
            ip daddr {POD_RANGE} accept
            meta l4proto {{ tcp, udp }} th dport 53 goto refused
            ip daddr {SUBNET[2]}-{SUBNET[-2]} accept
            goto refused
          }}
        }}
        """,
    )


def read_attempts(pid: int) -> Attempts:
    """Return the counters of the namespace of process `pid`."""
    said = [named for named in json.loads(_nft(pid, f"list table inet {TABLE}"))["nftables"] if len(named) == 1]
    counted = {name["counter"]["name"]: name["counter"]["packets"] for name in said if "counter" in name}
    rows = [row["elem"] for name in said if "set" in name for row in name["set"].get("elem", [])]
    return Attempts(**counted, callers=sorted(map(_describe, rows)))


def _describe(row: dict[str, Any]) -> str:
    source, target, *rest = row["val"]["concat"]
    words = ["tcp", *rest] if isinstance(rest[0], int) else rest
    return f"{source} -> {target} {' '.join(map(str, words))}: {row['counter']['packets']}"


def zero_attempts(pid: int) -> None:
    """Set the counters of the namespace of process `pid` to 0."""
    sets = "".join(f"flush set inet {TABLE} {name}\n" for name in ("by_tcp", "by_others"))
    _nft(pid, f"reset counters table inet {TABLE}\n{sets}")


def _nft(pid: int, commands: str) -> str:
    return run("nsenter", "--target", str(pid), "--net", "nft", "--json", "-f", "-", source=commands.encode()).stdout
