"""Every check of the repository, run side by side and reported together."""
