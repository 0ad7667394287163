"""Manifests, chunks and records, on which batches and workflows stand."""
