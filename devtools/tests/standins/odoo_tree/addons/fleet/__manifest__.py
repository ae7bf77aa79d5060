{"name": "Fleet"}
