"""Break each rule of the protocol in turn and see which tests notice: `make mutate`. A survivor is a failure.

Each mutant is a small edit of a copy of the tree; the tests that guard the rule run on the copy. Tests that did not
come to their end in time have caught nothing. The simulation's
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
HISTORIES, HISTORIES_BACK = "2000", "2000"
"""Of the latter one in ten is played, three times, with a rebuild or repair on a real store in its midst."""
SIMULATION, STAGES, STORES = ("tests/simulation",), ("tests/stages",), ("tests/contracts",)
INDEX = ("tests/find/test_terms.py", "tests/contracts/test_index.py")
CORE = ("tests/plain", "tests/identity", "tests/laws")
SNAPSHOTS = ("tests/stages/test_snapshots.py",)
BACK, REBUILD = ("tests/simulation/test_getting_back.py",), ("tests/rebuild/test_rebuild.py",)
LEAVING = ("tests/profile/test_leaving.py", "tests/stages", "tests/simulation")
TIMEOUT_SECONDS = 240
TOO_SLOW = "too slow"


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
        ('        works = await self._commit(works)\n        lap("commit")\n', ""),
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
        ('await self._send(ledger)\n        lap("send_ledger")\n        await self._gap("resolve.ledger_sent")\n'
         "        await self._send(self._outgoing(works))",
         'await self._send(self._outgoing(works))\n        lap("send_ledger")\n        await self._gap("resolve.ledger_sent")\n'
         "        await self._send(ledger)"),
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
           ("found = case.before or look_up(", "found = look_up(")),
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
           ("        self.desk.reject(self.arrival, reason, DETAILS[reason], generations, keeps_bytes=keeps_bytes)\n",
            "        self.desk.reject(self.arrival, reason, DETAILS[reason], generations, keeps_bytes=keeps_bytes)\n"
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
    mutant("tells a change as later records left it", "profile/fold.py",
           ("        if profile.id not in self._pictures:\n", "        if False:\n"), tests=("tests/profile/test_fold.py",)),
    mutant("tells an earlier change where a later one followed", "profile/fold.py",
           ("            self._pictures.pop(profile.id, None)\n", ""), tests=("tests/profile/test_fold.py",)),
    mutant("keeps a picture whose counts move on", "profile/fold.py",
           ("msgspec.structs.replace(profile, events=events)", "msgspec.structs.replace(profile)"),
           tests=("tests/profile/test_fold.py",)),
    mutant("keeps its cache after a failure", "stages/materialize.py",
           ("                work.hold.forget()\n            raise", "                pass\n            raise")),
    mutant("skips the outbox it finds", "stages/keeper.py",
           ("self._publishers.begin(hold, outlet, elements)", "self._publishers.begin(hold, outlet, [])")),
    mutant("trims more than it published", "stages/publish.py",
           ("hold.published += taken", "hold.published += taken + 1")),
    mutant("trims before it publishes", "stages/publish.py",
           ('        await self._gap("publish.before")\n',
            '        hold.published += taken\n        await self._gap("publish.before")\n'),
           ("        hold.published += taken\n        for", "        for")),
    mutant("publishes in no transaction", "wiring.py",
           ('return outlet(world.kafka, f"{settings.group}-{layout.prefix}{shard}", gap)',
            "return outlet(world.kafka, None, gap)"), tests=("tests/faults/test_late_sends.py",)),
    mutant("trims again when an answer was lost", "stages/keeper.py",
           ("            for hold in holds:\n                hold.drop()\n            raise", "            raise"), tests=STAGES),
    mutant("opens its outlet again without looking", "stages/publish.py",
           ("            await self._check_token(publisher.hold)\n        except BaseException", "        except BaseException"),
           ('        await self._check_token(publisher.hold)\n        await self._gap("publish.checked")',
            '        await self._gap("publish.checked")'), tests=STAGES),
    # Stage 2: leaving
    mutant("leaves again at each repeat", "profile/leaving.py",
           ("if at <= place.watermarks.get(partition, (-1, 0)):", "if False:"), tests=LEAVING),
    mutant("folds a leaving with what comes beside it", "profile/leaving.py",
           ("    return arrived.task is not None or (arrived.record is not None and arrived.record.type in _RECORDS)", "    return False"), tests=STAGES),
    mutant("keeps the devices of who is demerged", "profile/leaving.py",
           ("profile.devices, profile.identities, profile.tokens = [], [], {}", "profile.identities, profile.tokens = [], {}"), tests=LEAVING),
    mutant("keeps the tokens of who is demerged", "profile/leaving.py",
           ("profile.devices, profile.identities, profile.tokens = [], [], {}", "profile.devices, profile.identities = [], []"), tests=LEAVING),
    mutant("does not mark who is demerged", "profile/leaving.py", ("        profile.demerged = True\n", ""), tests=LEAVING),
    mutant("demerges guests", "profile/leaving.py",
           ("elif profile.identified_at is None and not profile.identities and not profile.identities_more:", "elif False:"), tests=LEAVING),
    mutant("keeps the type of who is demerged", "profile/leaving.py",
           ("        profile.type = type_of(profile, reachable(profile))\n", ""), tests=LEAVING),
    mutant("publishes nothing of a demerge", "profile/leaving.py", ("if _facts(profile) != facts:", "if False:"), tests=LEAVING),
    mutant("tells no device who has left", "profile/leaving.py",
           ("        for device in profile.devices:\n            self.follows.detach(device, profile.id, reason)\n", ""), tests=LEAVING),
    mutant("frees no identity of who has left", "profile/leaving.py",
           ("        for identity in profile.identities:\n            self.follows.release(identity, profile.id, reason)\n", ""), tests=LEAVING),
    mutant("lets go of no more than it shows", "profile/leaving.py",
           ("        if departing:\n            self.departing", "        if False:\n            self.departing"), tests=LEAVING),
    mutant("keeps the lists of what it lets go of", "profile/leaving.py",
           ("            self.departing += departing\n", ""), tests=LEAVING),
    mutant("releases what a profile does not hold", "profile/leaving.py",
           ("held = [i for i in self.arrived.releases if i in profile.identities or encode_more(i) in listed]", "held = [*self.arrived.releases]"), tests=LEAVING),
    mutant("releases nothing beyond what it shows", "profile/leaving.py", (" or encode_more(i) in listed]", "]"), tests=LEAVING),
    mutant("counts what it released beyond what it shows", "profile/leaving.py",
           ("                profile.identities_more -= 1\n", ""), tests=LEAVING),
    mutant("tells nobody what it released", "profile/leaving.py",
           ('            self.follows.release(identity, profile.id, "released")\n', ""), tests=LEAVING),
    mutant("deletes whomever a record names", "profile/leaving.py",
           ("if profile is None and record is not None and record.profile is not None:", "if False:"), tests=LEAVING),
    mutant("deletes nobody before their first record", "profile/leaving.py",
           ("if profile is None and record is not None and record.profile is not None:", "if profile is None:"), tests=LEAVING),
    mutant("removes a guest that is gone", "profile/leaving.py",
           ("        if profile is None or not profile.gone:\n            self.rows", "        if True:\n            self.rows"), tests=LEAVING),
    mutant("keeps the guests of who is deleted", "profile/leaving.py",
           ('        for guest in profile.guests:\n            self.follows.tell(guest, "remove")\n', ""), tests=LEAVING),
    mutant("keeps a deleted guest with its person", "profile/leaving.py",
           ('            self.follows.tell(profile.guest_of, "forget", profile.id)\n', ""), tests=LEAVING),
    mutant("forgets no guest beyond those it shows", "profile/leaving.py",
           ('elif Listed(profile.id, "guests", guest) in self.found.listed:', "elif False:"), tests=LEAVING),
    mutant("counts the gray of a deleted guest", "profile/leaving.py",
           ('            self.tally("gray", -events_total(profile))\n', ""), tests=LEAVING),
    mutant("counts the deleted", "profile/leaving.py", ("        self.tally(kind_of(profile), -1)\n        if profile.guest_of", "        if profile.guest_of"), tests=LEAVING),
    mutant("keeps the timeline of the deleted", "profile/leaving.py", ("        self.erased.append(profile.id)\n", ""), tests=LEAVING),
    mutant("publishes no tombstone", "profile/leaving.py", ("        self.changes.append((profile.id, None))\n", ""), tests=LEAVING),
    mutant("keeps what a tombstone knew", "profile/leaving.py",
           ("version=version, changed=version, gone=True)", "version=version, changed=version, gone=True, properties=profile.properties)"), tests=LEAVING),
    mutant("begins a tombstone's versions anew", "profile/leaving.py", ("        version = profile.version + 1\n", "        version = 1\n"), tests=LEAVING),
    mutant("lets a tombstone leave again", "profile/leaving.py",
           ("if profile is not None and profile.gone and arrived.task is None:", "if False:"), tests=LEAVING),
    mutant("counts for a tombstone", "profile/fold.py",
           ("        elif profile.gone:\n            self._turn_away(arrived, raw, offset)\n            return\n", ""), tests=LEAVING),
    mutant("leaves a device to a tombstone", "profile/parting.py",
           ("        if cause.record is not None and cause.record.device is not None:\n", "        if False:\n"), tests=LEAVING),
    mutant("leaves an identity to a tombstone", "profile/parting.py", ("        for identity in cause.claims:\n", "        for identity in ():\n"), tests=LEAVING),
    mutant("leaves a guest to a tombstone", "profile/parting.py",
           ("        if cause.record is not None and cause.guest is not None:\n", "        if False:\n"), tests=LEAVING),
    mutant("gives all that follows one number", "profile/parting.py", ("        self._number += 1\n", "        self._number = 1\n"), tests=LEAVING),
    mutant("names what follows without its place", "profile/parting.py", ("origin_of(self._shard, self._offset,", "origin_of(self._shard, 0,"), tests=LEAVING),
    mutant("sweeps once", "profile/leaving.py",
           ("if any(len(leaving.get(what, ())) >= STEP for what in LEAVING):", "if False:"), tests=LEAVING),
    mutant("sweeps without end", "profile/leaving.py",
           ("if any(len(leaving.get(what, ())) >= STEP for what in LEAVING):", "if any(leaving.values()):"), tests=LEAVING),
    mutant("keeps what it has swept", "profile/leaving.py",
           ("self.swept = [Listed(whose, what, text) for what in LEAVING for text in leaving.get(what, ())]", "self.swept = []"), tests=LEAVING),
    mutant("sends no control records", "stages/materialize.py",
           ("for control, origin in folded.controls:", "for control, origin in ():"), tests=STAGES),
    mutant("asks nothing of other shards", "stages/materialize.py", ("for told in folded.told:", "for told in ():"), tests=LEAVING),
    # Stage 2: the clock
    mutant("takes a linked guest for an idle one", "profile/leaving.py", (" or profile.guest_of is not None)", ")"), tests=LEAVING),
    mutant("takes a person for an idle guest", "profile/leaving.py",
           ("profile.gone or profile.identities or profile.identities_more or", "profile.gone or"), tests=LEAVING),
    mutant("deletes guests that were there just now", "profile/leaving.py",
           ("arrived.at / 1000 - arrived.days * DAY_SECONDS if ticks", "arrived.at / 1000 if ticks"), tests=LEAVING),
    mutant("deletes guests where none are to go", "profile/leaving.py",
           ('arrived.task == "tick" and arrived.days > 0', 'arrived.task == "tick"'), tests=LEAVING),
    mutant("never begins to keep guests in order", "profile/leaving.py", ("self.indexed = self.arrived.days > 0", "self.indexed = None"), tests=LEAVING),
    mutant("goes by a tick's own time", "stages/materialize.py", ('    if arrived.task != "tick":\n        return arrived\n', "    return arrived\n"), tests=LEAVING),
    mutant("numbers all ticks alike", "stages/ticks.py",
           ("Source(RESOLVED, hold.partition, position, 0)", "Source(RESOLVED, hold.partition, 0, 0)"), tests=LEAVING),
    mutant("numbers a tick before what came before it", "stages/materialize.py",
           ("due_tick(work.hold, work.next_offset)", "due_tick(work.hold, work.hold.position)"), tests=LEAVING),
    mutant("stage 2's script that keeps overflow lists of who has left", "adapters/materialize.lua", ("    call('RENAME', from, to)\n", ""), tests=STORES),
    mutant("stage 2's script that forgets an earlier leaving list", "adapters/materialize.lua",
           ("    call('ZUNIONSTORE', to, 2, to, from, 'AGGREGATE', 'MAX')\n", ""), tests=STORES),
    mutant("stage 2's script that keeps timelines", "adapters/materialize.lua", ("for i = 1, #gone do call('UNLINK', gone[i]) end", ""), tests=STORES),
    mutant("stage 2's script that keeps what left a list", "adapters/materialize.lua",
           ("for i = 1, #dropped, 2 do call('ZREM', dropped[i], unpack(dropped[i + 1])) end", ""), tests=STORES),
    mutant("stage 2's script that keeps in order who is no idle guest", "adapters/materialize.lua",
           ("in_parts(others, 'ZREM', tag .. 'idle')\n", ""), tests=STORES),
    mutant("keeps guests in order for one commit only", "adapters/store.py",
           ("return hold.indexed if parting.indexed is None else parting.indexed", "return bool(parting.indexed)"), tests=STORES),
    mutant("puts guests in order over what was there", "adapters/store.py",
           ('held = await self._order(hold, "0", {})', "held = True"), tests=STORES),
    # Figures
    mutant("counts rejections that are not sent yet", "stages/resolve.py",
           ("        count_resolved(hold, work.arrivals, plan)\n", ""),
           ('        await self._gap("resolve.committed")\n',
            '        for work in works:\n            count_resolved(work.hold, work.arrivals, work.plan)\n'
            '        await self._gap("resolve.committed")\n')),
    mutant("keeps figures of a chunk that nobody knows is committed", "stages/hold.py",
           ("        self.segments = None\n        self.figures = None\n", "        self.segments = None\n")),
    mutant("writes figures once more that are written", "stages/figures.py",
           ("        self.changed, self.dropped = {}, set()\n\n    def _count", "        del self\n\n    def _count"),
           tests=("tests/stages/test_figures.py",)),
    mutant("keeps all minutes there ever were", "stages/figures.py",
           ("        if len(numbers) > KEPT[family]:", "        if not numbers:"), tests=("tests/stages/test_figures.py",)),
    mutant("keeps the figures of a segment that is gone", "stages/counting.py",
           ("        figures.forget(name)", "        pass"), tests=("tests/stages/test_counting.py",)),
    mutant("leaves figures in the store that are dropped", "adapters/materialize.lua",
           ("in_parts(uncounted, 'HDEL'", "in_parts(uncounted, 'HMGET'"), tests=STORES),
    mutant("a partition's figures are not stored with its position", "adapters/resolve.lua",
           ("if #chunk[11] > 0 then", "if false then"), tests=STORES),

    # Keeping partitions
    mutant("never looks at idle partitions", "stages/keeper.py",
           ("idle = [hold for hold in self.holds if not hold.busy.locked()]", "idle = []")),
    mutant("does not take again what was refused", "stages/keeper.py",
           ("if lost and self.retake is not None:", "if False:")),
    mutant("does not notice a store that lost writes", "stages/keeper.py",
           ("if position < known:", "if False:"), tests=("tests/pipeline/test_refusals.py",)),
    mutant("does not notice a store that is gone", "stages/keeper.py",
           ("        if gone:\n", "        if False:\n"), tests=("tests/pipeline/test_refusals.py",)),
    # Snapshots
    mutant("a snapshot names the position before its commit", "stages/snapshots.py",
           ("_Made(hold.partition, after)", "_Made(hold.partition, hold.position)"), tests=SNAPSHOTS),
    mutant("a mark counts what was before its commit", "stages/snapshots.py",
           ("stand.counters.get(name, 0) + folded.counters.get(name, 0)", "stand.counters.get(name, 0)")),
    mutant("a mark has the figures of before its commit", "stages/snapshots.py",
           ("        figures |= {field: encode(value) for field, value in hold.figures.changed.items()}\n", "")),
    mutant("a snapshot shows a profile as it was before the tick", "stages/snapshots.py",
           ("known.kept if changed is None else Kept(encode(changed), known.kept.lists)", "known.kept")),
    mutant("the walk through a shard never comes round", "stages/snapshots.py",
           ("return stand.walk + step if stand.walk + step < people else 0", "return stand.walk + step")),
    mutant("the walk passes over whom a full step leaves over", "stages/snapshots.py",
           ("                return stand.walk + walked\n", "                break\n"), tests=SNAPSHOTS),
    mutant("the walk does not remember when it was there", "stages/snapshots.py",
           ("WALK: walk, WALKED: arrived.at}", "WALK: walk}")),
    mutant("a deletion leaves the deleted in the snapshots", "stages/snapshots.py",
           ("for profile in folded.profiles.values() if profile.gone}", "for profile in ()}"), tests=SNAPSHOTS),
    mutant("a smaller snapshot leaves the rest of the larger one", "stages/snapshots.py",
           ("for number in range(now, _most(before)):", "for number in ():"), tests=SNAPSHOTS),
    mutant("forgets how large a snapshot was", "stages/snapshots.py",
           ("            self.pieces[profile] = now\n", "            pass\n"), tests=SNAPSHOTS),
    mutant("leaves what a version wrote that kept no account", "stages/snapshots.py",
           ("return _number_of(encode(before.kept)) + SPARE_PIECES", "return 1"), tests=SNAPSHOTS),
    mutant("keeps how large a snapshot was for ever", "adapters/store.py",
           ("for profile, number in pieces.items() if number == 1]", "for profile, number in pieces.items() if number < 1]"),
           tests=("tests/contracts/test_snapshot_stores.py",)),
    mutant("takes the last message for the newest snapshot", "operate/cut.py",
           ("piece.position >= known.position", "True"), tests=("tests/operate/test_cut.py",)),
    mutant("takes the last mark for the newest", "operate/cut.py",
           ("mark.position >= self.mark.position", "True"), tests=("tests/operate/test_cut.py",)),
    mutant("puts a snapshot together of two", "operate/cut.py",
           (" and one.position == first.position", ""), tests=("tests/operate/test_cut.py",)),
    # Getting the store back
    mutant("folds once more what a snapshot reflects", "operate/cut.py",
           ("if record.offset >= self.reflected.get(arrived.profile, 0):", "if True:"), tests=BACK),
    mutant("folds the first message after a snapshot as if it were in it", "operate/cut.py",
           ("record.offset >= self.reflected", "record.offset > self.reflected"), tests=("tests/operate/test_cut.py",)),
    mutant("folds a repeat after a snapshot", "operate/cut.py",
           ("if at <= self._watermarks.get(partition, (-1, 0)):", "if False:"), tests=("tests/operate/test_cut.py",)),
    mutant("folds ticks of which the snapshots know", "operate/cut.py",
           ('arrived.task == "tick" or ', ""), tests=("tests/operate/test_cut.py",)),
    mutant("begins counters anew where Kafka is cut", "operate/replaying.py",
           ("            await self._put_mark(hold, mark, first)\n", "            pass\n"), tests=BACK),
    mutant("begins figures anew where Kafka is cut", "operate/remains.py",
           (", (k.FIGURES, mark.figures))", ",)"), tests=BACK),
    mutant("writes no lines of what a snapshot reflects", "operate/replaying.py",
           ("            await self._write_lines(hold, lines)\n", "            pass\n"), tests=BACK),
    mutant("takes an empty shard that was made anew for an old one", "find/terms.py",
           ('if "next" in state else 0', "if state else 0"), tests=("tests/find/test_terms.py",)),
    mutant("goes on where Kafka begins, not where the mark stands", "operate/replaying.py",
           ("end = max(first, mark.position) if mark is not None else first", "end = first"), tests=BACK),
    mutant("ticks while a shard is behind what it has told itself", "stages/ticks.py",
           (" or position < hold.ahead:", ":"), tests=("tests/contracts/test_snapshot_stores.py",)),
    mutant("keeps an identity for whom the ledger freed it from", "identity/restoring.py",
           ('Owner("", said + 1, *row.position)', "Owner(row.profile, said, *row.position)"), tests=BACK),
    mutant("lets an older claim undo a release", "identity/restoring.py",
           ("    newer = (new.generation", "    newer = True or (new.generation"), tests=("tests/identity",)),
    mutant("decides anew what was sent of a record", "identity/restoring.py",
           ("    if sent is not None:\n        return Outcome(", "    if sent is None:\n        return None\n    if False:\n        return Outcome("), tests=BACK),
    mutant("leaves half of what a record gained to nobody", "operate/restoring.py",
           ("await self._claim({usable[place]: owners[usable[place]] for place in left}, rows, position)", "pass"),
           tests=("tests/rebuild/test_rebuild.py",)),
    mutant("forgets the ids of records that are done", "operate/restoring.py",
           ("            marks[arrival.mark] = Counted(record.offset, reached.time // 1000)\n", "            pass\n"), tests=BACK),
    mutant("forgets what came from elsewhere", "operate/restoring.py",
           ('            reached.origins[f"{topic}/{number}"] = offset\n', ""), tests=BACK),
    mutant("looks up what a later record has claimed", "identity/rules.py",
           ("[_as_of(owners[identity], here) for identity in usable]", "[owners[identity] for identity in usable]"), tests=("tests/identity",)),
    mutant("rebuilds over a store that holds something", "operate/rebuild.py",
           ("if not is_empty and not replace:", "if False:"), tests=REBUILD),
    mutant("rebuilds while workers run", "operate/rebuild.py",
           ("    await until_nobody_works(world)\n", ""), tests=REBUILD),
    mutant("lets workers onto a store that is half rebuilt", "operate/rebuild.py",
           (', UNFINISHED, "1")]', ")]"), tests=REBUILD),
    mutant("leaves the group where it was before the store was lost", "operate/standstill.py",
           ("    await world.go_on_at(full)\n", ""), tests=BACK),
    mutant("repairs beside a worker that still holds a shard", "operate/repair.py",
           ("    await _fence(world, ahead)\n", ""), tests=("tests/rebuild/test_repair.py",)),
    mutant("does not see that a rebuild gave out other numbers", "adapters/find_store.py",
           ("            if made != self._views[shard].said_made:\n", "            if False:\n"), tests=("tests/contracts/test_finding.py",)),
    mutant("answers by numbers that a rebuild has given to others", "adapters/find.lua",
           ("for i = 1, 3 do", "for i = 1, 2 do"), tests=("tests/contracts/test_finding.py",)),
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
            "KNOWNAS_TEST_HISTORIES": HISTORIES_BACK if one.tests == BACK else HISTORIES,
        }
        ran = subprocess.run(  # noqa: S603 (our own tests)
            [*command, *one.tests], cwd=folder, env=environment, text=True, capture_output=True, check=False
        )
    if ran.returncode == 0:
        return None
    if ran.returncode != 1:
        sys.exit(f"{one.rule}: the tests did not run\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return caught_by(ran.stdout)


def caught_by(said: str) -> str:
    """The test that failed, by what pytest says; `TOO_SLOW` where the time was up, which may be the machine's doing
    and not the rule's."""
    if "Timeout (>" in said:
        return TOO_SLOW
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    seed = re.search(r"seed (\d+)", said)
    return (failed[1] if failed else "a test") + (f" (seed {seed[1]})" if seed else "")


def main() -> int:
    """Try those whose rule contains the words given, or all."""
    words = " ".join(sys.argv[1:])
    chosen = [one for one in MUTANTS if words in one.rule]
    if not chosen:
        sys.exit(f"no mutant's rule contains {words!r}")
    survivors = []
    for one in chosen:
        caught = try_mutant(one)
        is_caught = caught is not None and caught != TOO_SLOW
        print(f"{'caught  ' if is_caught else 'SURVIVED'}  {one.rule:<48} {caught or one.file}", flush=True)
        if not is_caught:
            survivors.append(one.rule)
    print(f"{len(survivors)} survivors")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
