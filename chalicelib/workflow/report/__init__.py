"""A run's report, for people: Markdown and a drawing."""
