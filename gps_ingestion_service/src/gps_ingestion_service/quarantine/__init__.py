"""Messages that could not be taken: kept raw, listed, replayed."""
