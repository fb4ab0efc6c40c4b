"""A chaos run: buyers at full speed while processes are killed and stopped, then the books are checked."""
