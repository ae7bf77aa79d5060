"""How large the GPS side has to be for a fleet: arithmetic on measured costs."""
