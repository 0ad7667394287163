"""What `tools` and `localcloud` share."""
