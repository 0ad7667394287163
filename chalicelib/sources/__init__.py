"""Sources: get the bytes that a request names, from the public internet or from buckets."""
