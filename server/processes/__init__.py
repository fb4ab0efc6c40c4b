"""`miaodan serve`: a small supervisor over the store, the back office and the gateways."""
