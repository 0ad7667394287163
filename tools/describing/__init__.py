"""The parts of `tools.openapi`: the table of routes, and the schemas of structs."""
