"""Where devices are seen. Each source looks in its own way and knows nothing of the others.

In comes a host, always under a root argument; out goes one Observation a look, with the trouble in words where a look
fell short. A source never raises for a sick host and never judges: what signs mean is decided in policy.
"""
