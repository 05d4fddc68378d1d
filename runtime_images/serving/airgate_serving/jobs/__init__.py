"""One job from its beginning to its end: a whole file of rows through a model, told to the web process as it goes.

In come a plan and a secret; out go progress, and at the end metrics, a file of predictions or why there are none. This
room opens no model: the work is `airgate-serve batch` or `evaluate`, a process of its own that is given no secret and
locks itself in. Fetching the files and starting again after a crash are left to whoever runs the container.
"""
