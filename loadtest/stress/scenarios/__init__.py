"""The scenarios, one module each; every module has a `SCENARIO`."""
