"""Downloads: resumed, verified, whole or not at all."""
