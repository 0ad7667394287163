"""Ports to object store, queue and state machine, and AWS behind them.

`store` is the port to an object store, and `s3` puts S3 behind it. `sqs` has the queue's port and
adapter, `stepfunctions` the state machine's. `chalicelib.ports` chooses the adapters.
"""
