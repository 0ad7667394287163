"""What `tools.openapi` is made of: the table of routes, and the schemas of their structs."""
