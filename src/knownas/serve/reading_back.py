"""What an SDK is shown of its person: what its own device has set, or everything, where a token says so."""

from __future__ import annotations

from typing import Any, Literal

from knownas.doors.clevertap_sdk import is_all_own, may_read, read_back
from knownas.errors import WorldFault
from knownas.nouns import Profile
from knownas.serve.routes import Services
from knownas.serve.tokens import Claims, Refused, Tokens

Why = Refused | Literal["another_device", "another_person"]


class ReadingBack:
    """Answers SDKs. When the store is away they are shown nothing, and told nothing."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._people, self._kept = services.people, settings.timeline_entries
        self._tokens = Tokens(settings.token_keys(), settings.http_token_seconds)

    async def shown(self, device: str, token: str | None, now_ms: int) -> tuple[dict[str, Any], Why | None]:
        """What a device is shown, and why its token, if it came with one, was refused."""
        if token is None and not may_read(device):
            return read_back(None), None
        claims = self._tokens.read(token, now_ms) if token is not None else None
        try:
            profile = await self._people.by_device(device)
            why = await self._why_not(claims, device, profile)
            if why is None:
                return read_back(profile), None
            own = profile is not None and await self._is_all_own(profile, device)
        except WorldFault:
            return read_back(None), None
        return read_back(profile if own else None), why if token is not None else None

    async def _why_not(self, claims: Claims | Refused | None, device: str, profile: Profile | None) -> Why | None:
        """Why a device may not be shown everything."""
        if not isinstance(claims, Claims):
            return claims or "not_ours"
        if claims.device not in (None, device):
            return "another_device"
        kind, _, value = claims.sub.partition(":")
        owner = await self._people.by_identity(kind, value)
        return None if profile is not None and owner is not None and owner.id == profile.id else "another_person"

    async def _is_all_own(self, profile: Profile, device: str) -> bool:
        if not may_read(device):
            return False
        page = await self._people.timeline(profile, None, self._kept)
        return is_all_own(profile, device, [line.entry for line in page.lines if not line.guest], self._kept)
