"""The warm test runtime: opens a model for one call, in a process of its own, and forgets it.

In come a digest and what to do with the file; out go a signature or a result, with what the model printed, or one
sentence why not. A warm process (`zygote`) holds imports only and forks for each call; the fork (`call`) locks itself
in before it opens the file. Whoever asks, and over which door, is left to `rest`.
"""
