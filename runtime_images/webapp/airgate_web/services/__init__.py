"""What a user wants, one function a wish.

Each takes the `Desk` (what it may use) and, when it changes something, the `User` who asks; it checks the wish, writes
it to the Store with an audit entry, and returns domain objects or raises a `Refusal` with one sentence. Carrying a wish
out is left to the reconciler, and showing it to `api` and `ui`.
"""
