"""Who is meant: a profile by its id, by an identity, or by a device; where there is nobody, why."""

from __future__ import annotations

from knownas.nouns import Identity, Profile
from knownas.records.identities import IdentityRules, Unusable, normalize
from knownas.serve.faults import not_found
from knownas.serve.people import StorePeople


class Whom:
    """Finds who is meant, or raises the `Fault` that says why nobody is."""

    def __init__(self, people: StorePeople, rules: IdentityRules) -> None:
        self._people, self._rules = people, rules

    async def profile(self, profile_id: str) -> Profile:
        """The profile with this id."""
        reader = self._people.reader
        found = await reader.profile(profile_id)
        if found is not None:
            return found
        if await reader.is_deleted(profile_id):
            raise not_found("deleted", "this profile was deleted; its ledger says when and why")
        raise not_found("no_such_profile", "no profile has this id")

    async def id_of(self, kind: str, value: str) -> str:
        """The id of the profile that owns an identity, or that a `device` speaks for."""
        return await (self._of_device(value) if kind == "device" else self._of_identity(kind, value))

    async def _of_device(self, device: str) -> str:
        facts = await self._people.reader.facts(device)
        if not facts:
            raise not_found("no_such_device", "no record has named this device")
        if not facts[-1].profile:
            raise not_found("speaks_for_nobody", "this device speaks for nobody until its next record")
        return facts[-1].profile

    async def _of_identity(self, kind: str, value: str) -> str:
        row = await self._people.reader.owner_row(self.identity(kind, value))
        if row is None:
            raise not_found("nobody_owns_it", f"nobody is known by this {kind}")
        if not row.profile:
            words = "suppressed: records that carry it are rejected" if row.suppressed else "nobody's any more"
            raise not_found("suppressed" if row.suppressed else "released", f"this {kind} is {words}")
        return row.profile

    def identity(self, kind: str, value: str) -> Identity:
        """An identity as people write it, in its normal form."""
        if kind not in self._rules.kinds:
            raise not_found("undeclared_kind", f"declared kinds are device, {', '.join(self._rules.kinds)}")
        identity = normalize(kind, value, self._rules.region)
        if isinstance(identity, Unusable):
            raise not_found("unusable_identity", f"this cannot be anybody's {kind} ({identity.reason})")
        return identity
