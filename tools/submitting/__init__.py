"""What `tools.submit` is made of; it speaks to the service over HTTP alone."""
