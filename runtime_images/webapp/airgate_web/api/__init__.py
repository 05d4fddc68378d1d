"""The REST API `/api/v2`, the calls between our own processes under `/internal`, and the probes.

HTTP requests come in and are turned into calls of `services`, one file a noun; domain objects go out as JSON, refusals
as {"code", "error", "hint"}. It decides nothing: what may be wished is the business of the services.
"""
