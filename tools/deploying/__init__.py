"""The steps of a deployment. Each compares before it changes anything."""
