"""What `tools.deploy` tells of a stage that runs: its state, its dead letters, its logs."""
