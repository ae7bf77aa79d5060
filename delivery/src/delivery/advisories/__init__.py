"""Advisory records in a folder, for places where no advisory service can be reached."""
