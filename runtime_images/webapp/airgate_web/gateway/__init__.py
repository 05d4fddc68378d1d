"""What the gateway is to do.

Deployments, their facts and revoked tokens come in; one snapshot in Envoy's own terms goes out, to the agent that runs
beside Envoy. Doors (addresses, certificates) are the agent's own business: it knows where it stands, we do not.
"""
