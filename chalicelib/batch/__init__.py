"""Use case: thousands of predictions from a bucket.

`manifests` reads what to classify, `fanout` cuts it into chunks, `worker` classifies one, `ledger`
knows what is done, `finish` puts the results together and `repair` sees to what went missing.
`service` is what callers ask, `events` what objects, messages and the clock bring.
"""
