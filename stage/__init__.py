"""What a stage has on AWS and on this machine alike, for `tools.deploy` and `localcloud`."""
