"""Live facts: what the fixes of a device mean, kept right when late ones come."""
