"""The ledger in words: one sentence a row."""

from __future__ import annotations

from typing import Final

from knownas.nouns import LedgerRow

_BOUND: Final = {
    "first_record": "the device was seen for the first time and is guest {profile}",
    "first_record_again": "the first record after a logout: the device is a fresh guest, {profile}",
    "login": "the device logged in and speaks for {profile} (rule 0: it had spoken for nobody)",
    "claim": "the guest logged in with identities nobody owned: {profile} is identified and keeps its id (rule 1)",
    "link": "the guest logged in as somebody known: the device speaks for {profile} from here on (rule 2)",
    "switch": "another person logged in: the device speaks for {profile} from here on (rule 5 or 6)",
    "logout": "the device logged out; its next record makes a fresh guest",
}
_CLAIMED: Final = {
    "login": "at a first login",
    "claim": "with the guest that became it",
    "link": "at a login that linked a guest",
    "add": "as a further identity (rule 4)",
    "switch": "at a switch",
    "server": "by a record without a login",
}


def told(row: LedgerRow) -> str:
    """One row as a sentence."""
    if row.kind == "bound":
        again = "_again" if row.reason == "first_record" and row.epoch else ""
        return _BOUND[row.reason + again].format(profile=row.profile)
    if row.kind == "claimed":
        kind = row.identity[0] if row.identity else "identity"
        return f"{row.profile} gained this {kind} {_CLAIMED[row.reason]}"
    if row.kind == "linked":
        return f"guest {row.from_} turned out to be {row.profile}; what the guest did stays the guest's, shown in gray"
    if row.kind == "switched":
        return f"the device went from {row.from_} to {row.profile}; nothing of either was touched"
    if row.kind == "refused":
        what = f"property {row.key}" if row.key is not None else f"{row.identity[0] if row.identity else 'a part'}"
        return f"{what} was refused for {row.profile or 'nobody'}: {row.reason}"
    return f"{row.kind} {row.profile}: {row.reason}"
