"""From a file of labels, as tools write them, to the name of each class."""
