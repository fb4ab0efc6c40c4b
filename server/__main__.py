"""`python -m server`, which is the `miaodan` command."""

from __future__ import annotations

from server.ops.collector import importing

with importing():
    from server.cli import main

if __name__ == "__main__":
    main(prog_name="miaodan")
