"""HTTP connections: how many, how slow, how much they hold, and how they end."""
