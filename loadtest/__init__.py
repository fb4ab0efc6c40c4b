"""Load tests: Locust users on the simulators' client session, and an audit of what they were told."""
