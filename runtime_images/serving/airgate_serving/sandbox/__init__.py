"""The lock a process puts on itself before it opens a file that nobody here trusts.

In come the paths that are needed and the limits; out goes a `LockReport` of what this kernel could lock: files by
Landlock, system calls by seccomp, memory and time by resource limits. It works without root, holds for all threads and
children, and cannot be taken off. What to do where a kernel lacks a part is decided by `lock.judge_opening`.
"""
