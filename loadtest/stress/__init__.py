"""A stress suite that checks itself: scenarios against a real server, each ending in a verdict."""
