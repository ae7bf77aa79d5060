"""What a vehicle did: tracks and days, from the stored fixes."""
