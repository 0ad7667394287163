"""The steps of a deployment, each of which compares before it changes anything."""
