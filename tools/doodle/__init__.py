"""The bundled model's pictures, which the repository draws itself, and its network."""
