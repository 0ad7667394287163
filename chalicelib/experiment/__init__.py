"""Use case: split traffic between models, and learn from feedback which is better.

`experiment` answers callers. `arms` assigns a model, `weights` reads the shares of the traffic,
`ids` signs what a caller votes with, `votes` stores and counts votes, and `comparison` says in
words what the counts mean.
"""
