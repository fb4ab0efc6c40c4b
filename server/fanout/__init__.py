"""Telling everybody: lanes, frames, outboxes, and the room-wide broadcast. Knows no products."""
