"""The door: sockets, sessions, and the HTTP API."""
