"""What a request names -> its bytes, from the public internet and the buckets alone."""
