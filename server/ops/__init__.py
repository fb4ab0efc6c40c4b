"""Keeping it running: logs, metrics, health, and child processes that do not outlive their parent."""
