"""Orders as the room tests need them: the real service on the test's store."""
