"""Use case: two models on the same images, and which one is better.

`workflows` answers callers. `tasks` are called by the state machine of workflow.asl.json. `run`
knows a run's objects in the results bucket, `judge` compares the models, and `report` shows the
result.
"""
