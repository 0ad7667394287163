"""Files from the web: resumed, verified, seen whole or not at all."""
