"""The door for whole files: rows in, predictions out, a chunk at a time, and how good they are.

In come a loaded model, a file of rows and a file to fill; out go predictions, progress that a later run resumes from,
and metrics where the right answers are known. Locking the process and naming the files is left to `app`.
"""
