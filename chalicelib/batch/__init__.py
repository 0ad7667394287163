"""Use case: thousands of predictions from a bucket.

`manifests` reads what to classify, `fanout` cuts it into chunks, `worker` classifies one, `ledger`
knows what is done, `service` is what the entry points call.
"""
