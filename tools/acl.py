"""Writes deploy/knownas.acl: the store's users, as `knownas.adapters.rights` has them."""

from __future__ import annotations

from pathlib import Path

from knownas.adapters.rights import acl_file

FILE = Path(__file__).parent.parent / "deploy" / "knownas.acl"


def main() -> None:
    """Write it."""
    FILE.write_text(acl_file(), encoding="utf-8")
    print(f"wrote {FILE.name}")


if __name__ == "__main__":
    main()
