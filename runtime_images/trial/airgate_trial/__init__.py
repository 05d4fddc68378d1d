"""The trial: the whole appliance on this machine as ordinary processes, without root.

A home folder, a port and a number of simulated cards come in; out come the running products, each started by its own
command and kept running by supervisord, and the address where they answer. What the products do is their own business:
nothing of theirs is imported here.
"""
