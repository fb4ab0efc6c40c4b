"""What this machine carries, a model fitted to it, and what more viewers need. See docs/capacity.md."""
