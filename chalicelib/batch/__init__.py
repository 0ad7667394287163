"""Use case: thousands of predictions from a bucket.

`manifests` reads what to classify, `fanout` cuts it into chunks, `worker` classifies one, `ledger`
knows what is done and `losses` what is not, `finish` puts the results together, `repair` sees to
what went missing, and `stop` keeps what was done of a batch that goes on no longer.
`service` is what callers ask, `events` what objects, messages and the clock bring.
"""
