"""The serving runtime: one model file in, predictions out.

In come a model file that nobody here trusts, a name and a version for it, and requests; out go predictions, a
signature, probes and metrics. It opens every file behind a lock (`sandbox`), verifies no tokens and knows no cluster:
who may call, and how many copies run, is left to the gateway and to the webapp.
"""
