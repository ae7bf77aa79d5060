"""What a fix costs on this machine to bring in, and a day of them to read."""
