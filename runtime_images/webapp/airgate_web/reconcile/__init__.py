"""From wishes to facts, again and again.

In come the store's wishes and the cluster's observation, both whole each time; out go actions to the cluster and
facts to the store. It holds nothing that a restart would miss, so it may be killed at any moment, and a second one
beside it doubles nothing. What a wish may be is left to the services, what an action takes to the adapters.
"""
