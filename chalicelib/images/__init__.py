"""Images: a file in, upright pixels out, as a package's preprocessing says."""
