"""Use case: thousands of predictions from a bucket.

`batches` answers callers, `inbox` handles objects, messages and the clock. `fanout` cuts a
manifest into chunks, after `listing` has listed a prefix. `worker` classifies a chunk. `ledger`
knows what is done, and `losses` what went missing. `finish` merges the results, `repair` replaces
what went missing, and `halt` keeps the results of a batch that was stopped. `view` shows a batch,
`outlines` lists them all, from the index that `recent` keeps.
"""
