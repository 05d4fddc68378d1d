"""What the appliance knows and decides, in plain Python without I/O.

Services hand in wishes and the reconciler hands in observations; out come validated wishes, the actions that lead from
one to the other, and the sentence that says why something waits. Keeping any of it is left to `ports`.
"""
