"""The experiment: traffic split between models, and what feedback says of them.

`arms` assigns, `ids` signs what a caller votes with, `votes` stores and counts, `verdict` says in
words what the counts mean, and `service` is what callers ask.
"""
