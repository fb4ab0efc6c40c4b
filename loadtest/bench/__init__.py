"""Fan-out and order benchmarks beside their floors, in one run. See docs/performance.md."""
