"""What a network's file tells: its kind, metadata, last operations, and what its scores are."""
