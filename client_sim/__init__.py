"""Simulated viewers: a sans-I/O client session, and a swarm that drives thousands of them."""
