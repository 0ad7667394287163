"""Label files of many tools -> the name of each class."""
