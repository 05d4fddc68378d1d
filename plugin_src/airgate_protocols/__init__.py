"""The wire formats that more than one product speaks.

In come two protocol files; out go the message classes and service stubs that `regenerate.sh` makes of them: the
kubelet's device plugin API (spoken by the plugin, and by the trial's supervisor when it plays the kubelet) and Open
Inference over gRPC (spoken by the serving runtime and by testers). Nothing here decides anything; each product turns
these messages into its own types at its own door.
"""
