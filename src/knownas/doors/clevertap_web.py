"""CleverTap's Web SDK: `GET /a`, one push a request, packed into the query, answered with a script or with JSON.

**The GUID** that the SDK keeps is the device. A request without one gets one made here. After `onUserLogin` for
somebody else the SDK forgets its GUID and asks for one with the login in hand; it repeats that very request until it
is answered, so the GUID is a keyed hash of what it repeats: the same login finds the same device, without a memory.
Such a GUID begins with `_u`: who knows a login word for word may have it made, so nothing is read back to it. A
visitor's first request says nothing that two visitors would not say alike in the same second: its GUID is chance.

**Once.** What the SDK has no answer to it sends again, the same `d`, `rn`, `i` and `sn`: their hash is the record's id.
It holds for a GUID, so one case is left: a browser that never got the answer to its very first request has another
GUID when it sends that again, and a guest of one record stays behind.

**Logins.** `onUserLogin` that changes the user says `isOUL`: a login. The first one in a browser does not, and looks
like any profile push with identities; the core takes it for the login that it is.

**Opting out.** The GUID the SDK is then given ends in `:OO`, and it falls silent. What comes under such a GUID all the
same is not taken, until the visitor opts in again. A visitor without a GUID who opts out is not recorded at all.

**Encrypted** requests carry their own key, so they hide nothing from whoever can read the address; they are refused
with 402, upon which the SDK sends them again as they were.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from knownas.doors import Answer, Asked, Failed, Put, Reading, Taken, answer_json
from knownas.doors.clevertap_sdk import FETCH, moment, profile_of
from knownas.doors.lzstring import unpack
from knownas.doors.user_agent import described
from knownas.errors import WrongInput
from knownas.nouns import Names

OPTED_OUT: Final = ":OO"
PAGE: Final = "Page Viewed"
HASHED: Final = "_u"
UNKNOWN: Final = 512
NOT_ENABLED: Final = 402
"""The status upon which the SDK gives up encryption for the session."""

_ARP: Final = {"j_n": "Zw=="}
_FOR_EVERY_PAGE: Final = {"Cross-Origin-Resource-Policy": "cross-origin"}
_decode: Final = msgspec.json.Decoder().decode


class Call(NamedTuple):
    """A request of the SDK, and what its answer must say besides.

    `fresh` says that the GUID was made just now, `resume` that the SDK is to take it in place of its own, `number` is
    the request it answers, `choice` what was just decided (or stands) about opting out.
    """

    reading: Reading
    device: str
    fresh: bool
    session: int
    resume: bool
    number: int
    choice: bool | None
    wants_profile: bool
    keeps_arp: bool
    script: bool


def account_of(asked: Asked) -> Sequence[str]:
    """The account that a page was set up with: where this SDK shows its key."""
    try:
        account = _payload(asked.said("d")).get("id")
    except WrongInput:
        return ()
    return (account,) if isinstance(account, str) else ()


def is_encrypted(asked: Asked) -> bool:
    """Whether the request hides its payload."""
    return _payload(asked.said("d")).get("encrypted") is True


def read_web(asked: Asked, names: Names, chance: str) -> Call:
    """What a request holds; `chance` is the GUID for a visitor who has none. `WrongInput`: it is no such request."""
    sent = _payload(asked.said("d"))
    login = sent.get("isOUL") is True
    known = _known_guid(asked, sent, login=login)
    device = known.removesuffix(OPTED_OUT) or _made_guid(asked, sent, names, chance, login=login)
    choice = _choice(known, asked.said("optOut"))
    taken, failed = _records(asked, sent, login=login)
    if choice and known != device:
        taken = []
    common = {"device": device, "id": names.digest("web", *_repeated(asked))} | _when(asked)
    context = _context(asked, sent)
    records = [record | common | {"context": context | record.get("context", {})} for record in taken]
    return Call(
        reading=Reading([Taken(0, record) for record in records], failed),
        device=device,
        fresh=not known,
        session=_session(asked, sent),
        resume=login,
        number=_integer(asked.said("rn")) or 0,
        choice=choice if asked.said("gc", known) == known else None,
        wants_profile=sent.get("dsync") is True,
        keeps_arp=sent.get("action") == "unregister",
        script="application/json" not in asked.headers.get("accept", ""),
    )


def answer_web(call: Call, puts: Sequence[Put], shown: dict[str, Any] | None) -> Answer:
    """The answer that lets the SDK go on. `shown` is what it reads back of its user, None if it did not ask."""
    arp: dict[str, Any] = {"skipResARP": True} if call.keeps_arp else dict(_ARP)
    if call.resume:
        arp["isOUL"] = True
    said: dict[str, Any] = {"arp": arp}
    if shown is not None:
        said["evpr"] = shown
    refused = [{"code": failed.code, "error": failed.error} for failed in call.reading.failed]
    refused += [{"code": UNKNOWN, "error": f"{put.reason}: {put.detail}"} for put in puts if put.position is None]
    if refused:
        said["unprocessed"] = refused
    guid = call.device + (OPTED_OUT if call.choice else "")
    if not call.script:
        meta = {"g": guid, "sid": call.session, "rf": call.resume, "rn": call.number}
        if call.choice is not None:
            meta["optOut"] = call.choice
        return answer_json({"tr": said, "meta": meta}, headers=_FOR_EVERY_PAGE)
    arguments: list[Any] = [guid, call.session, call.resume, call.number]
    if call.choice is not None:
        arguments.append(call.choice)
    script = f"$WZRK_WR.tr({_literal(said)});\n$WZRK_WR.s({', '.join(map(_literal, arguments))});\n"
    return Answer(200, {"Content-Type": "text/javascript; charset=utf-8", **_FOR_EVERY_PAGE}, script.encode())


def refuse_encrypted() -> Answer:
    """Not encrypted, please."""
    return answer_json({"error": "encryption in transit is not enabled here; use TLS"}, NOT_ENABLED, _FOR_EVERY_PAGE)


# ------------------------------------------------------------------------------------------------------ the request


@lru_cache(maxsize=16)
def _payload(packed: str) -> dict[str, Any]:
    """What `d` holds. Remembered for the few looks that one request takes."""
    try:
        sent = _decode(unpack(packed))
    except (ValueError, RecursionError):
        raise WrongInput("`d` is not LZ-string in base64 that holds JSON") from None
    if not isinstance(sent, dict):
        raise WrongInput("`d` holds no JSON object")
    return sent


def _known_guid(asked: Asked, sent: dict[str, Any], *, login: bool) -> str:
    """The GUID that the request names. A login's own counts alone: any other was given to somebody else meanwhile."""
    own = sent.get("g")
    if isinstance(own, str) and own:
        return own
    return "" if login and _identifies(sent) else asked.said("gc")


def _made_guid(asked: Asked, sent: dict[str, Any], names: Names, chance: str, *, login: bool) -> str:
    if not (login and _identifies(sent)):
        return chance
    account = str(sent.get("id", ""))
    return HASHED + names.digest("guid", account, asked.said("i"), asked.said("sn"), asked.said("d"))[2:]


def _choice(known: str, asked_for: str) -> bool | None:
    """What holds about opting out from here on; None where nobody ever opted out."""
    if asked_for == "true":
        return True
    return asked_for != "false" if known.endswith(OPTED_OUT) else None


def _identifies(sent: dict[str, Any]) -> bool:
    profile = sent.get("profile")
    return isinstance(profile, dict) and not {"Identity", "Email", "FBID", "GPID", "Phone"}.isdisjoint(profile)


def _repeated(asked: Asked) -> tuple[str, str, str, str]:
    """What stays the same when a request is sent again. Token pushes are sent once and have no number: their time."""
    made = asked.said("i")
    return asked.said("rn"), made or asked.said("r"), asked.said("sn"), asked.said("d")


def _when(asked: Asked) -> dict[str, Any]:
    made = asked.said("i") or asked.said("r")[:-3]
    ts = moment(made, asked.now_ms)
    return {} if ts is None else {"ts": ts}


def _session(asked: Asked, sent: dict[str, Any]) -> int:
    """The session the SDK is in, or a new one; it lets one go after 20 minutes of silence by itself."""
    return moment(asked.said("s") or sent.get("s"), asked.now_ms) or asked.now_ms // 1000


def _integer(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


# ------------------------------------------------------------------------------------------------------ its records


def _records(asked: Asked, sent: dict[str, Any], *, login: bool) -> tuple[list[dict[str, Any]], list[Failed]]:
    kind = asked.said("type")
    if kind == "ping" or sent.get("evtName") == FETCH:
        return [], []
    if kind == "page":
        url = sent.get("cpg")
        return [{"type": "event", "evtName": PAGE, "evtData": {"url": url} if isinstance(url, str) else {}}], []
    if kind == "data":
        token = None if sent.get("action") == "unregister" else sent.get("endpoint")
        if token is None or isinstance(token, str):
            return [{"type": "profile", "context": {"pushToken": token}}], []
    if sent.get("type") == "event":
        return [{"type": "event", "evtName": sent.get("evtName"), "evtData": sent.get("evtData")}], []
    if sent.get("type") == "profile":
        return [{"type": "login" if login else "profile"} | profile_of(sent.get("profile"))], []
    return [], [Failed(0, UNKNOWN, f"nothing is known of a `{kind}` of type {sent.get('type')!r}", sent)]


def _context(asked: Asked, sent: dict[str, Any]) -> dict[str, Any]:
    """Where and with what: from the page's address, the SDK's own fields and the browser's headers."""
    app = sent.get("af")
    app = app if isinstance(app, dict) else {}
    said = {
        "source": sent.get("us"),
        "medium": sent.get("um") or sent.get("wm"),
        "campaign": sent.get("uc"),
        "referrer": sent.get("referrer"),
        "sdk": app.get("lib"),
        "language": asked.headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip(),
        "ip": asked.remote if asked.said("useIP") == "true" else None,
    }
    found: dict[str, Any] = {field: value for field, value in said.items() if isinstance(value, str) and value}
    place = {"latitude": app.get("Latitude"), "longitude": app.get("Longitude")}
    if all(type(value) in (int, float) for value in place.values()):
        found |= place
    return found | described(asked.headers.get("user-agent", ""))


def _literal(value: Any) -> str:
    """JSON that is also JavaScript, wherever a page may put it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
