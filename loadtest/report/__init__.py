"""The report of a load test: one HTML page that needs nothing else, from the document of the run."""
