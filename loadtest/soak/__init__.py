"""The soak: an evening with churn, sales and faults, after which nothing may have grown. See docs/load.md."""
