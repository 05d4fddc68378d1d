"""The webapp: turns what a user wishes (project, model, deployment) into objects of a cluster and says what came of it.

Wishes come in through `ui` and `api`, pass `services` and lie in the `Store`; `reconcile` compares them with what the
`Cluster` observes and writes facts beside them. Predictions do not pass through here: they go through the gateway.
"""
