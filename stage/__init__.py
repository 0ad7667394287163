"""What a stage has both on AWS and here, for `tools.deploy` and `localcloud`."""
