"""`knownas serve` and `knownas keys`: the gateway, who may call it, and tokens for reading back."""

from __future__ import annotations

import errno
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Parameter

from knownas.cli.output import console, errors, http, plain, quiet_logs, say_json, say_line, when
from knownas.cli.waiting import AnyPort, layout_when_there, stopping
from knownas.cli.who import parse_who
from knownas.errors import CannotStart, WrongInput
from knownas.operate.collector import calm_collector
from knownas.operate.world import World, open_world
from knownas.serve.keys import KeyRow, KeyStore, Right, check_chosen
from knownas.serve.page.guide import Guide
from knownas.serve.tokens import Claims, Tokens
from knownas.settings import Settings, load
from knownas.topics import Layout

if TYPE_CHECKING:
    from knownas.serve.house import House

LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "::1")

keys = App(name="keys", help="Keys for the gateway: who may write, read, administer.", help_format="plaintext")


async def serve(
    host: str | None = None,
    port: AnyPort = None,
    open: bool = False,  # noqa: A002 (the contract names the switch)
) -> None:
    """Run a gateway against KNOWNAS_KAFKA and KNOWNAS_REDIS until it is told to stop: uploads in, profiles out.

    It keeps nothing: start as many as you like behind a load balancer, stop any at any time. It speaks HTTP; put TLS
    before it.

    Parameters
    ----------
    host
        The address to listen on; by default 127.0.0.1. 0.0.0.0 is every address of this machine.
    port
        The port; by default 8088. 0 takes a free one, which is printed.
    open
        Ask for no key. Only on 127.0.0.1.
    """
    settings = load(http_host=host, http_port=port)
    check_open(settings, open)
    quiet_logs(as_json=settings.log_json)
    async with stopping() as stop, open_world(settings) as world:
        layout = await layout_when_there(world, stop)
        if layout is not None:
            async with serving(world, layout, is_open=open):
                calm_collector()
                await stop.wait()


def check_open(settings: Settings, is_open: bool) -> None:
    """Without keys nobody but this machine may reach it."""
    if is_open and settings.http_host not in LOCAL_HOSTS:
        raise CannotStart(f"--open is for 127.0.0.1 alone, not for {settings.http_host}: make keys (`knownas keys`)")


@asynccontextmanager
async def serving(
    world: World,
    layout: Layout,
    is_open: bool,
    any_port: bool = False,
    say: Callable[[str], None] = say_line,
    guide: Guide | None = None,
) -> AsyncIterator[str]:
    """A gateway in this process; says where it is. `any_port`: if its port is taken, another will do."""
    from knownas.serve.house import House  # takes a quarter of a second, which whoever makes a key need not wait for

    settings, house = world.settings, House(world, layout, is_open, guide)
    async with _listening(house, settings, any_port) as port:
        url = http(settings.http_host, port)
        say(f"gateway ready, {url}/docs says what there is to call, {url} is the page")
        if not is_open and not await key_store(world).rows():
            say("nobody has a key yet: make one with `knownas keys create`")
        yield url


@asynccontextmanager
async def _listening(house: House, settings: Settings, any_port: bool) -> AsyncIterator[int]:
    async with house.running():
        try:
            port = await house.listen(settings.http_host, settings.http_port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not any_port:
                raise CannotStart(f"cannot listen on {settings.http_host}:{settings.http_port}: {error}") from error
            port = await house.listen(settings.http_host, 0)
        yield port


def key_store(world: World) -> KeyStore:
    """Where keys are kept."""
    return KeyStore(world.link(), world.keys, world.names)


@keys.command
async def create(
    *rights: Right,
    name: str = "",
    key: Annotated[str | None, Parameter(name="--key")] = None,
    json: bool = False,
) -> int:
    """Make a key and show it, this once.

    Parameters
    ----------
    rights
        What it may do: write (send records), read (see people), admin (delete, demerge, mark). One for each is best:
        a write key may stand in a public page. CleverTap's own server library shows one passcode for everything:
        `knownas keys create write read admin`.
    name
        What it is for, to tell it from others.
    key
        Use this text as the key, not a fresh one: for pages and apps that show an account's name. It may only write.
    json
        Answer as one JSON document.
    """
    if not rights:
        raise WrongInput("say what the key may do: write, read, admin, or several of them")
    if key is not None:
        check_chosen(key, rights)
    async with open_world(load()) as world:
        await world.layout()
        text, row = await key_store(world).create(name, rights, key)
    if json:
        say_json({"key": text, **_shown(row)})
    else:
        console.print(text, markup=False)
        errors.print(f"may {', '.join(row.rights)}; keep it: only its hash is stored. `knownas keys revoke {row.id}`")
    return 0


@keys.command
def token(who: str, *, minutes: int = 10, device: str | None = None, json: bool = False) -> int:
    """Sign a token with which a page may read back the person it speaks for, as a site's server does.

    It goes into the host that CleverTap's Web SDK is given: clevertap.init(ACCOUNT, '', 'HOST/t/TOKEN').

    Parameters
    ----------
    who
        Whose it is: kind:value of an identity.
    minutes
        For how long it holds.
    device
        The only device, a GUID of the SDK, that may use it.
    json
        Answer as one JSON document.
    """
    settings = load()
    named = parse_who(who, settings, bare="device")
    if named.identity is None:
        raise WrongInput(f"a token is for an identity, as kind:value; {who} is none")
    if not settings.token_keys():
        raise CannotStart("no key for tokens is set: put at least 32 characters into KNOWNAS_HTTP_TOKEN_KEYS")
    most = settings.http_token_seconds // 60
    if not 1 <= minutes <= most:
        raise WrongInput(f"a token lives for 1 to {most} minutes (KNOWNAS_HTTP_TOKEN_SECONDS)")
    until = int(time.time()) + minutes * 60
    signed = Tokens(settings.token_keys(), settings.http_token_seconds).sign(
        Claims(f"{named.identity.kind}:{named.identity.value}", until, device)
    )
    if json:
        say_json({"token": signed, "expires": until})
    else:
        console.print(signed, markup=False, soft_wrap=True)
        errors.print(f"holds until {when(until)}")
    return 0


@keys.command(name="list")
async def list_keys(json: bool = False) -> int:
    """Show which keys there are: their ids and names, not themselves."""
    async with open_world(load()) as world:
        rows = sorted((await key_store(world).rows()).values(), key=lambda row: row.created)
    if json:
        say_json([_shown(row) for row in rows])
    else:
        for row in rows:
            console.print(f"{row.id}  {', '.join(row.rights):<18} {when(row.created)}  {plain(row.name)}")
        if not rows:
            errors.print("there are no keys; make one with `knownas keys create`")
    return 0


@keys.command
async def revoke(which: str, json: bool = False) -> int:
    """Take a key back; gateways refuse it within seconds.

    Parameters
    ----------
    which
        The key's id, as `knownas keys list` shows it, or the key itself.
    json
        Answer as one JSON document.
    """
    async with open_world(load()) as world:
        row = await key_store(world).revoke(which)
    if row is None:
        raise WrongInput("there is no such key; `knownas keys list` shows those there are")
    if json:
        say_json(_shown(row))
    else:
        console.print(f"{row.id} is revoked")
    return 0


def _shown(row: KeyRow) -> dict[str, object]:
    return {"id": row.id, "name": row.name, "rights": row.rights, "created": row.created}
