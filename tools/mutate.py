"""Break each rule of the protocol in turn and see which tests notice: `make mutate`. A survivor is a failure.

Each mutant is a small edit of a copy of the tree; the tests that guard the rule run on the copy. The simulation's
schedules and Python's hashes are seeded, so the same mutant is caught by the same history.
"""

# ruff: noqa: E501 (an edit is quoted as it stands)
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
HISTORIES = "2000"
SIMULATION, STAGES, STORES = ("tests/simulation",), ("tests/stages",), ("tests/contracts",)
INDEX = ("tests/find/test_terms.py", "tests/contracts/test_index.py")
CORE = ("tests/plain", "tests/identity", "tests/laws")
TIMEOUT_SECONDS = 240


class Mutant(NamedTuple):
    """A broken rule: pairs of what stands in a file and what is put there instead."""

    rule: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


def mutant(rule: str, file: str, *edits: tuple[str, str], tests: tuple[str, ...] = SIMULATION) -> Mutant:
    """A mutant; the simulation guards it unless said otherwise."""
    return Mutant(rule, f"src/knownas/{file}", edits, tests)


MUTANTS = [
    # Stage 1: the order of effects
    mutant(
        "sends before it commits", "stages/resolve.py",
        ('        works = await self._commit(works)\n        await self._gap("resolve.committed")\n', ""),
        ('        await self._gap("resolve.sent")\n',
         '        await self._gap("resolve.sent")\n        works = await self._commit(works)\n'),
        tests=STAGES,
    ),
    mutant("sends for a refused chunk", "stages/resolve.py",
           ("                    work.hold.drop()\n            works", "                    pass\n            works"), tests=STAGES),
    mutant("repeats a commit whose answer was lost", "stages/resolve.py",
           ("            for work in works:\n                work.hold.drop()\n            raise", "            raise"), tests=STAGES),
    mutant(
        "sends resolved records before the ledger's", "stages/resolve.py",
        ('await self._outlet.send(ledger)\n        await self._gap("resolve.ledger_sent")\n'
         "        await self._outlet.send(self._outgoing(works))",
         'await self._outlet.send(self._outgoing(works))\n        await self._gap("resolve.ledger_sent")\n'
         "        await self._outlet.send(ledger)"),
        tests=STAGES,
    ),
    mutant("moves on before everything is sent", "stages/resolve.py",
           ("        ledger: Outbound = {}\n", "        ledger: Outbound = {}\n        [self._finish(work) for work in works]\n")),
    mutant("decides no more after a lost claim", "stages/resolve.py",
           ("self._decide(works, await self._store.owners(identities) if identities else {})", "break")),
    mutant("stores origins with the facts", "stages/resolve.py",
           ("            self._decide(alive, alive[0].known.owners)\n",
            "            self._decide(alive, alive[0].known.owners)\n            [setattr(w.hold, 'origins', w.plan.origins) for w in alive]\n")),
    mutant("takes a refused load for granted", "stages/resolve.py",
           ("            if known is None:\n                work.hold.drop()\n", "            if known is None:\n                pass\n")),
    # Stage 1: identity
    mutant("looks up a binding without its position", "identity/facts.py", ("if fact.offset < offset:", "if True:")),
    mutant("looks up a binding at its own position", "identity/facts.py", ("fact.offset < offset", "fact.offset <= offset")),
    mutant("does not know its own claim", "identity/rules.py",
           ("return (owner.topic, owner.partition, owner.offset) == here", "return False"), tests=("tests/identity",)),
    mutant("claims for a new profile only", "identity/rules.py",
           ("    return Settled(winner,", "    free = [] if owned and not mine else free\n    return Settled(winner,")),
    mutant("counts a re-homed record again", "identity/desk.py",
           ("if origin.position.offset <= self.origins.get(origin_partition, -1):", "if False:")),
    mutant("lets the last of several owners win", "identity/rules.py",
           ("usable[(mine or owned)[0]]", "usable[(mine or owned)[-1]]"), tests=CORE),
    mutant("merges instead of switching", "identity/rules.py",
           ('("identified", "other"): Move("switch", rebinds=True, row="switched")',
            '("identified", "other"): Move("switch", rebinds=False, row="switched")'), tests=CORE),
    mutant("links an identified profile", "identity/rules.py",
           ('("identified", "other"): Move("switch", rebinds=True, row="switched")',
            '("identified", "other"): Move("switch", rebinds=True, row="linked")'), tests=CORE),
    mutant("keeps the epoch at a logout", "identity/case.py", ("now.epoch + 1", "now.epoch"), tests=CORE),
    mutant("gives no guest to nobody", "identity/case.py",
           ('self.bind("guest", guest, now.epoch, "first_record")', "pass"), tests=CORE),
    # Stage 1: leaving and repeats
    mutant("frees an identity without a new generation", "identity/looking.py",
           ('Owner("", seen + 1, *here', 'Owner("", seen, *here')),
    mutant("tells no generations", "identity/case.py",
           ("generations=settled.seen if settled is not None else (),", "generations=(),")),
    mutant("frees an identity whoever owns it", "identity/looking.py",
           ("if owner is not None and owner.profile == control.profile:", "if owner is not None and owner.profile:"), tests=("tests/identity",)),
    mutant("detaches a device whoever it speaks for", "identity/looking.py",
           (" or now.profile != control.profile:", ":"), tests=("tests/identity",)),
    mutant("acts on a control record each time it comes", "identity/decide.py",
           ("desk.came_before(arrival.origin):",
            'arrival.origin.position.topic != "resolved" and desk.came_before(arrival.origin):'), tests=("tests/identity",)),
    mutant("believes anybody's control record", "records/control.py",
           ("if origin is None or origin.position.topic != RESOLVED:", "if False:"), tests=("tests/records",)),
    mutant("seals for any topic", "records/origin.py",
           ('return str(partition) if topic == EVENTS else f"{topic}/{partition}"', "return str(partition)"), tests=("tests/records",)),
    mutant("ignores suppressions", "identity/rules.py",
           ("return any(owner.suppressed for owner in found) and", "return False and")),
    mutant("releases a suppression with the identity", "identity/looking.py",
           (", *here, owner.suppressed)", ", *here)")),
    mutant("keeps the bytes of who is suppressed", "identity/desk.py",
           ('NOBODYS_DATA: Final = ("suppressed",)', "NOBODYS_DATA: Final = ()"), tests=CORE),
    mutant("looks up again what it had looked up", "identity/looking.py",
           ("found = case.before or look_up(usable, case.desk.owners)", "found = look_up(usable, case.desk.owners)")),
    mutant("decides again what it had turned away", "identity/case.py",
           ('        self.note(Outcome("", seen=generations, reason=reason))\n', "")),
    mutant("claims without checking what it looked at", "identity/desk.py",
           ("            self.looks.append(Look(identity, self.owners[identity], written))\n            if written is not None:\n",
            "            if written is not None:\n                self.looks.append(Look(identity, self.owners[identity], written))\n"),
           tests=("tests/identity",)),
    mutant("takes a record for a repeat of itself", "identity/repeats.py",
           ("counted.offset < offset", "counted.offset <= offset")),
    mutant("remembers an id for ever", "identity/repeats.py",
           (" and seconds - counted.seconds < WINDOW_DAYS * DAY_SECONDS", ""), tests=("tests/identity",)),
    mutant("remembers what it rejects", "identity/case.py",
           ("        self.desk.reject(self.arrival, reason, DETAILS[reason], generations)\n",
            "        self.desk.reject(self.arrival, reason, DETAILS[reason], generations)\n"
            "        self.arrival.mark and self.desk.count(self.arrival.mark, self.arrival.offset)\n"), tests=CORE),
    mutant("stores the time with the facts", "stages/resolve.py",
           ("            self._decide(alive, alive[0].known.owners)\n",
            "            self._decide(alive, alive[0].known.owners)\n            [setattr(w.hold, 'time', w.plan.time) for w in alive]\n")),
    mutant("stores ids a chunk late", "stages/resolve.py",
           ("        hold.done, hold.origins, hold.time = work.next_offset, plan.origins, plan.time\n",
            "        hold.done, hold.origins, hold.time = work.next_offset, plan.origins, plan.time\n        vars(self).setdefault('late', {})[id(hold)] = plan.marks\n"),
           ("        try:\n            return await self._store.commit(",
            "        try:\n            for work in works:\n"
            "                work.plan = work.plan._replace(marks=vars(self).get('late', {}).get(id(work.hold), {}))\n"
            "            return await self._store.commit(")),
    mutant("forgets the days that are still asked for", "identity/repeats.py",
           ("return time_ms // 1000 // DAY_SECONDS - WINDOW_DAYS", "return time_ms // 1000 // DAY_SECONDS"), tests=STORES),
    # Stage 2
    mutant("has no watermark", "profile/fold.py", ("if at <= self._watermarks.get(partition, (-1, 0)):", "if False:")),
    mutant("has a watermark without the index", "profile/fold.py",
           ("at = (source.offset, source.index)", "at = (source.offset, 0)")),
    mutant("keeps its cache after a failure", "stages/materialize.py",
           ("                work.hold.forget()\n            raise", "                pass\n            raise")),
    mutant("skips the outbox it finds", "stages/keeper.py",
           ("self._publishers.begin(hold, outlet, elements)", "self._publishers.begin(hold, outlet, [])")),
    mutant("trims more than it published", "stages/publish.py",
           ("hold.published += taken", "hold.published += taken + 1")),
    mutant("trims before it publishes", "stages/publish.py",
           ('        await self._gap("publish.before")\n',
            '        hold.published += taken\n        await self._gap("publish.before")\n'),
           ("        hold.published += taken\n        self._meter", "        self._meter")),
    mutant("publishes in no transaction", "wiring.py",
           ('return outlet(settings.kafka, f"{settings.group}-{layout.prefix}{shard}", gap)',
            "return outlet(settings.kafka, None, gap)"), tests=("tests/faults/test_late_sends.py",)),
    mutant("trims again when an answer was lost", "stages/keeper.py",
           ("            for hold in holds:\n                hold.drop()\n            raise", "            raise"), tests=STAGES),
    mutant("opens its outlet again without looking", "stages/publish.py",
           ("            await self._check_token(publisher.hold)\n        except BaseException", "        except BaseException"),
           ('        await self._check_token(publisher.hold)\n        await self._gap("publish.checked")',
            '        await self._gap("publish.checked")'), tests=STAGES),
    # Keeping partitions
    mutant("never looks at idle partitions", "stages/keeper.py",
           ("idle = [hold for hold in self.holds if not hold.busy.locked()]", "idle = []")),
    mutant("does not take again what was refused", "stages/keeper.py",
           ("if lost and self.retake is not None:", "if False:")),
    mutant("does not notice a store that lost writes", "stages/keeper.py",
           ("if position < known:", "if False:"), tests=("tests/pipeline/test_refusals.py",)),
    mutant("does not notice a store that is gone", "stages/keeper.py",
           ("        if gone:\n", "        if False:\n"), tests=("tests/pipeline/test_refusals.py",)),
    # The twins of Kafka and the store: what the protocol relies on
    mutant("a store without fences", "adapters/memory.py",
           ("return (at.token, at.pos) == (hold.token, hold.position)", "return True")),
    mutant("a fence without the position", "adapters/memory.py",
           ("return (at.token, at.pos) == (hold.token, hold.position)", "return at.token == hold.token")),
    mutant("a fence without the token", "adapters/memory.py",
           ("return (at.token, at.pos) == (hold.token, hold.position)", "return at.pos == hold.position")),
    mutant("claims whatever is owned", "adapters/memory.py",
           ("written = written and owners.get(identity) == found", "written = True")),
    mutant("claims for a partition that is lost", "adapters/memory.py",
           ("            written = written and all(held)\n", ""), tests=STORES),
    mutant("sends on after a gap", "adapters/memory.py",
           ("                    failed = True\n                    break", "                    failed = True")),
    mutant("takes a failed batch for sent", "adapters/memory.py",
           ('        if failed:\n            raise WorldFault("Kafka does not answer")', "        if failed:\n            return")),
    mutant("lets a fenced producer publish", "adapters/memory.py",
           ('if self._epoch != self._kafka.epochs[self._id or ""]:', "if False:")),
    # The real store's scripts
    mutant("stage 1's script without its fence", "adapters/resolve.lua",
           ("answer[n + 1], answer[1] = 0, 0", "answer[n + 1] = 1"), tests=STORES),
    mutant("stage 1's script without the position", "adapters/resolve.lua",
           (" and held[2] == chunks[n][2]", ""), tests=STORES),
    mutant("stage 2's script without its fence", "adapters/materialize.lua",
           ("if held[1] ~= ARGV[2] or held[2] ~= ARGV[3] then return 0 end", ""), tests=STORES),
    mutant("stage 2's script without the position", "adapters/materialize.lua",
           (" or held[2] ~= ARGV[3]", ""), tests=STORES),
    mutant("stage 1's script that claims whatever is owned", "adapters/resolve.lua", ("    answer[1] = 0\n    break", "    break"), tests=STORES),
    mutant("stage 1's script that forgets what it has just written", "adapters/resolve.lua", ("written[key] or call", "call"), tests=STORES),
    mutant("loads without asking for the token", "adapters/store.py",
           ('return bool(token == hold.token.encode() and pos == b"%d" % hold.position)', "return True"), tests=STORES),
    mutant("the outbox is never trimmed", "adapters/materialize.lua",
           ("if write[3] > 0 then call('LTRIM', tag .. 'out', write[3], -1) end", ""), tests=STORES),
    mutant("a timeline without a cap", "adapters/materialize.lua",
           ("if length > cap then call('LTRIM', key, -cap, -1) end", ""), tests=STORES),
    mutant("lets go of facts that are still asked for", "identity/facts.py",
           ("return facts[min(len(facts) - KEPT, needed) :]", "return facts[-1:]"), tests=STORES),
    # The index
    mutant("keeps the directory of a fold that was not committed", "stages/hold.py", ("        self.directory = None\n", "")),
    mutant("leaves the deleted in the index", "profile/leaving.py", ("        self.index.leave(profile)\n", "")),
    mutant("does not index what a demerge changes", "profile/leaving.py",
           ("        self.index.differ(profile, stood, terms.standing(profile))\n", ""), tests=INDEX),
    mutant("does not index who a profile is", "profile/fold.py",
           ("            self._index.differ(profile, stood, terms.standing(profile))\n", "            pass\n")),
    mutant("keeps a property's old value in the index", "find/upkeep.py",
           ("self.differ(profile, terms.of_property(directory, name, was), terms", "self.differ(profile, [], terms")),
    mutant("takes a list for what it was", "find/upkeep.py", ("(kind is type(was) and kind is not list and was == now)", "was == now"), tests=INDEX),
    mutant("indexes a birthday by its text alone", "profile/fold.py",
           ("            self._index.differ(profile, was, terms.personal(profile))\n", "            pass\n"), tests=INDEX),
    mutant("does not look at the channel again when the first visit moves", "profile/fold.py",
           ("            self._index.seen(profile, planes.FIRST_SEEN, first, ts)\n            self._index.fields(profile, told, terms.channel(profile), planes.CHANNEL_FIELDS)\n",
            "            self._index.seen(profile, planes.FIRST_SEEN, first, ts)\n"), tests=INDEX),
    mutant("keeps days in the index that a profile no longer keeps", "profile/fold.py",
           ("                self._index.let_go(profile, name, kept, days)\n", "                pass\n"), tests=INDEX),
    mutant("enters twice what went and came back", "find/upkeep.py",
           ("    else:\n        del turned[number]\n", ""), tests=INDEX),
    mutant("keeps planes of days that are over", "adapters/materialize.lua",
           ("for i = 1, #expired do", "for i = 1, 0 do"), tests=INDEX),
    mutant("ends all days that a clock says are over", "find/upkeep.py", ("directory.oldest += 1", "directory.oldest = wanted"), tests=INDEX),
    mutant("gives out a number twice", "find/upkeep.py", ("number = directory.free.pop()", "number = directory.free[-1]"), tests=INDEX),
    mutant("loses a list that becomes bits", "adapters/materialize.lua", ("      set(key, held, 1)\n", ""), tests=INDEX),
    mutant("cannot cut from a list", "adapters/materialize.lua", ("if not gone[number] then", "if true then"), tests=INDEX),
    mutant("forgets who had a number", "adapters/materialize.lua", ("call('SETRANGE', tag .. 'q:ids', ids[i] * 16, ids[i + 1])", ""), tests=INDEX),
    mutant("keeps numbers free that are taken", "adapters/materialize.lua",
           ("if taken > 0 then call('LTRIM', tag .. 'q:free', 0, -taken - 1) end", ""), tests=INDEX),
]  # fmt: skip


def copy_tree(folder: Path) -> None:
    """A copy of what the tests need."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")


def broken(one: Mutant, root: Path = ROOT) -> str:
    """The mutant's file with the rule broken; `LookupError` where the file has changed since the edit was written."""
    text = (root / one.file).read_text()
    for old, new in one.edits:
        if old not in text:
            raise LookupError(f"{one.rule}: {one.file} has changed, this no longer stands in it:\n{old}")
        text = text.replace(old, new)
    return text


def try_mutant(one: Mutant) -> str | None:
    """What caught it; None if nothing did."""
    with tempfile.TemporaryDirectory(prefix="knownas-mutant-") as made:
        folder = Path(made)
        copy_tree(folder)
        (folder / one.file).write_text(broken(one))
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "--show-capture=no",
            "-m",
            "",
            "--timeout",
            str(TIMEOUT_SECONDS),
        ]
        environment = os.environ | {
            "PYTHONPATH": str(folder / "src"),
            "PYTHONHASHSEED": "0",
            "KNOWNAS_TEST_HISTORIES": HISTORIES,
        }
        ran = subprocess.run(  # noqa: S603 (our own tests)
            [*command, *one.tests], cwd=folder, env=environment, text=True, capture_output=True, check=False
        )
    if ran.returncode == 0:
        return None
    if ran.returncode != 1:
        sys.exit(f"{one.rule}: the tests did not run\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    seed = re.search(r"seed (\d+)", ran.stdout)
    return (failed[1] if failed else "a test") + (f" (seed {seed[1]})" if seed else "")


def main() -> int:
    """Try those whose rule contains the words given, or all."""
    words = " ".join(sys.argv[1:])
    survivors = []
    for one in MUTANTS:
        if words not in one.rule:
            continue
        caught = try_mutant(one)
        print(f"{'caught  ' if caught else 'SURVIVED'}  {one.rule:<48} {caught or one.file}", flush=True)
        if caught is None:
            survivors.append(one.rule)
    print(f"{len(survivors)} survivors")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
