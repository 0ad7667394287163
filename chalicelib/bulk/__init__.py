"""What batches and workflows stand on: manifests, chunks and their records."""
