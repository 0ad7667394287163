"""What developers run: model packages and the training of doodle."""
