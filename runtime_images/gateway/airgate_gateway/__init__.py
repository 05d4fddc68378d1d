"""The agent beside Envoy: keeps the files that Envoy reads its routes from.

The webapp's snapshot comes in, the doors (addresses, certificate) come from the command line; out go Envoy's listener,
cluster and route files, each written beside and renamed. With the webapp away the last files stay, so Envoy serves on,
and starts, without it. Requests do not pass through here.
"""
