"""The open trip of a vehicle: how far it has come, and when it will arrive."""
