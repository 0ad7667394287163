"""Use case: two models on the same images, and which one is better.

`run` knows a run's objects in the results bucket, `tasks` is what the state machine of
workflow.asl.json calls, `judge` compares, `report` and `picture` tell, `service` is what callers
ask.
"""
