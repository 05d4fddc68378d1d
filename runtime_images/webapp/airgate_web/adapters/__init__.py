"""What stands between the ports and the outside: databases, folders, keys, other processes.

Each file or package here keeps one Protocol of `ports` and knows one outside format; they are strangers to each
other, and only `app` imports them.
"""
