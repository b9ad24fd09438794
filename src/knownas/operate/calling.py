"""What hashed devices and identities are called, as far as a profile holds them in clear."""

from __future__ import annotations

from knownas.nouns import Names, Profile


def called_by(names: Names, profile: Profile) -> dict[str, str]:
    """Words for the hashes that ledger rows may have of what a profile holds."""
    called = {names.device(each): f"device {each}" for each in profile.devices}
    return called | {names.identity(each): f"{each.kind} {each.value}" for each in profile.identities}
