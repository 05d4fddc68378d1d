"""Decisions, all pure: from what was seen to what is offered, preferred and granted.

In come observations, the snapshot before and the time; out go devices with a verdict each, a preferred choice, a
grant. Nothing here reads a file, asks the time or remembers: the inventory remembers, the kubelet's room speaks.
"""
