"""Promises, held against histories. Sans-I/O: each check returns one sentence per broken promise."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from client_sim.replica import RoomReplica
from loadtest.stress.history import History, Loss, Stint
from loadtest.stress.raw import Ending
from loadtest.stress.truth import Truth, mark_of_event
from schemas.codes import CloseCode
from schemas.models import RoomSnapshot

EARLY_S = 0.1
"""By how much two clocks may differ on how long somebody was silent."""


def sequenced(history: History, truth: Truth, *, arrived: bool = True) -> list[str]:
    """Lane L1: in order, no hole, nothing twice, nothing but the truth.

    `arrived`: the viewer stayed, so it must have come to the room's last place.
    """
    name = history.name
    found = [f"{name}: {violation}" for violation in history.violations]
    if not history.stints:
        return [*found, f"{name}: was never welcomed"]
    before: Stint | None = None
    for number, stint in enumerate(history.stints):
        who = name if number == 0 else f"{name} (socket {number + 1})"
        found += _follows(who, before, stint)
        found += _stint(who, stint, truth)
        before = stint
    if arrived and history.last != truth.last:
        found.append(f"{name}: stands at {history.last}, the room at {truth.last}")
    return found


def _follows(who: str, before: Stint | None, stint: Stint) -> list[str]:
    if before is None or before.epoch != stint.epoch:
        return []
    if stint.start < before.last:
        return [f"{who}: was given a snapshot of {stint.start}, it had come to {before.last}"]
    return []


def _stint(who: str, stint: Stint, truth: Truth) -> list[str]:
    found = []
    place = stint.start
    for event in stint.events:
        if event.seq <= place:
            found.append(f"{who}: event {event.seq} again behind {place}")
            continue
        if event.seq > place + 1:
            found.append(f"{who}: a hole, {event.seq} came behind {place}")
        place = event.seq
        said, true = mark_of_event(event), truth.events.get(event.seq)
        if true is None and event.seq > truth.first and said not in truth.unanswered:
            found.append(f"{who}: event {event.seq} says '{said}', which no host asked for")
        elif true is not None and said != true:
            found.append(f"{who}: event {event.seq} says '{said}', it was '{true}'")
    if stint.snapshot is not None:
        found += _snapshot(who, stint.snapshot, stint.start, truth)
    return found


def _snapshot(who: str, snapshot: RoomSnapshot, place: int, truth: Truth) -> list[str]:
    """A snapshot shows the last announcement before its place, and no later one."""
    if truth.unanswered:
        return []
    for seq in range(place, truth.first, -1):
        mark = truth.events.get(seq, "")
        if mark.startswith("announce "):
            shown = f"announce {snapshot.announcement}"
            return [] if shown == mark else [f"{who}: the snapshot of {place} says '{shown}', not '{mark}'"]
    return []


def agreed(histories: Iterable[History]) -> list[str]:
    """Nobody was told another event at a place than anybody else."""
    marks: dict[tuple[str, int], str] = {}
    found = []
    for history in histories:
        for stint in history.stints:
            for event in stint.events:
                mark = mark_of_event(event)
                known = marks.setdefault((stint.epoch, event.seq), mark)
                if known != mark:
                    found.append(f"{history.name}: event {event.seq} says '{mark}', to others '{known}'")
    return found


class Spoken:
    """All accepted danmaku: who said which, and which came before which. Built once, asked per viewer."""

    def __init__(self, speakers: Iterable[History]) -> None:
        self.place: dict[str, tuple[str, int]] = {}
        self.own: dict[str, Sequence[str]] = {}
        for speaker in speakers:
            self.own[speaker.name] = speaker.accepted
            self.place |= {message: (speaker.name, n) for n, message in enumerate(speaker.accepted)}

    def __len__(self) -> int:
        return len(self.place)


def shown(histories: Iterable[History], spoken: Spoken) -> frozenset[str]:
    """Danmaku that somebody else than the speaker saw: those the room did not sample away."""
    seen: set[str] = set()
    for history in histories:
        own = frozenset(spoken.own.get(history.name, ()))
        seen.update(message.message for message in history.messages() if message.message not in own)
    return frozenset(seen)


def chat(history: History, spoken: Spoken, seen: Collection[str], *, own_always: bool = True) -> list[str]:
    """Lane L3, for one who was there before the first danmaku and stayed: each at most once, each
    speaker's in order, and received + skipped = accepted.

    `seen`: see `shown`. A speaker is shown their own also where it was sampled away (and counted).
    """
    found, received = _each_once(history, spoken)
    own = spoken.own.get(history.name, ())
    missing = [message for message in own if message not in received]
    if missing and own_always:
        found.append(
            f"{history.name}: {len(missing)} of {len(own)} own danmaku were not shown to the speaker"
        )
    beside = sum(1 for message in own if message in received and message not in seen)
    counted = len(received) - beside + history.skipped
    if counted != len(spoken):
        found.append(
            f"{history.name}: {len(received) - beside} danmaku received + {history.skipped} told as skipped"
            f" = {counted}, {len(spoken)} were accepted"
        )
    return found


def chat_once(history: History, spoken: Spoken) -> list[str]:
    """Lane L3, for one who came or went meanwhile: each at most once, each speaker's in order."""
    return _each_once(history, spoken)[0]


def _each_once(history: History, spoken: Spoken) -> tuple[list[str], set[str]]:
    found: list[str] = []
    received: set[str] = set()
    latest: dict[str, int] = {}
    for message in history.messages():
        name = message.message
        if name in received:
            found.append(f"{history.name}: danmaku {name} twice")
            continue
        received.add(name)
        place = spoken.place.get(name)
        if place is None:
            found.append(f"{history.name}: danmaku {name}, which was never accepted")
            continue
        speaker, number = place
        if speaker != history.name:  # one's own may come past the room's batch
            if number < latest.get(speaker, -1):
                found.append(f"{history.name}: {speaker}'s danmaku {number} behind a later one")
            latest[speaker] = max(number, latest.get(speaker, -1))
    return found, received


def one_order(histories: Sequence[History], spoken: Spoken) -> list[str]:
    """Whoever sees two danmaku sees them in the same order (a speaker's own apart)."""
    if not histories:
        return []
    longest = max(histories, key=lambda history: sum(len(talk) for s in history.stints for talk in s.talk))
    index = {message.message: n for n, message in enumerate(longest.messages())}
    found = []
    for history in histories:
        own = frozenset(spoken.own.get(history.name, ())) | frozenset(spoken.own.get(longest.name, ()))
        latest = -1
        for message in history.messages():
            place = index.get(message.message)
            if place is None or message.message in own:
                continue
            if place < latest:
                found.append(f"{history.name}: danmaku in another order than {longest.name} saw")
                break
            latest = place
    return found


def fair(quiet: tuple[int, int], loud: tuple[int, int], least: float = 0.5) -> list[str]:
    """(shown, accepted) of the quiet and of the loud: who speaks little is not drowned out."""
    if not quiet[1] or not loud[1]:
        return ["fairness could not be judged: somebody said nothing"]
    share, loud_share = quiet[0] / quiet[1], loud[0] / loud[1]
    if share < least or share < loud_share:
        return [f"quiet speakers were shown {share:.0%} of what they said, loud ones {loud_share:.0%}"]
    return []


def values(name: str, replica: RoomReplica, truth: Truth) -> list[str]:
    """Lane L2: what was told last is what holds now."""
    found = [
        f"{name}: {replica.available.get(sku)} units of {sku} as last told, there are {units}"
        for sku, units in truth.stock.items()
        if replica.available.get(sku) != units
    ]
    if replica.likes != truth.likes:
        found.append(f"{name}: {replica.likes} likes as last told, there are {truth.likes}")
    return found


def stayed(history: History) -> list[str]:
    """Somebody healthy never loses the socket."""
    return [f"{history.name}: lost the socket: {loss.code} {loss.reason}" for loss in history.losses]


def closed_with(name: str, losses: Sequence[Loss], code: CloseCode) -> list[str]:
    """The first loss is a Close frame with this code."""
    if not losses:
        return [f"{name}: was not closed, expected {int(code)}"]
    if losses[0].code != code:
        return [f"{name}: closed with {losses[0].code or 1006} ({losses[0].reason}), expected {int(code)}"]
    return []


def spread_over(times: Sequence[float], window_ms: float, late_ms: float) -> list[str]:
    """Closes over a window: most of it is used, at most `late_ms` behind it, and no crowd at once."""
    if len(times) < 2:
        return ["the spread of closes could not be judged: fewer than two"]
    found = []
    first, last = min(times), max(times)
    if last - first < window_ms / 2:
        found.append(f"{len(times)} closes within {last - first:.0f} ms of a window of {window_ms:.0f} ms")
    if last - first > window_ms + late_ms:
        found.append(f"closes took {last - first:.0f} ms, the window is {window_ms:.0f} ms")
    tenth = window_ms / 10
    buckets: dict[int, int] = {}
    for at in times:
        buckets[int((at - first) / tenth)] = buckets.get(int((at - first) / tenth), 0) + 1
    most = max(buckets.values())
    if most > max(2.0, 0.4 * len(times)):
        found.append(f"{most} of {len(times)} closes within a tenth of the window")
    return found


def found_silent(name: str, ending: Ending, allowed_s: float, late_s: float) -> list[str]:
    """Closed with 4002, not before the time it may be silent, and not much after."""
    if ending.code != CloseCode.NO_HEARTBEAT:
        return [f"{name}: closed with {ending.code}, expected 4002"]
    if not allowed_s - EARLY_S <= ending.after_s <= allowed_s + late_s:
        return [f"{name}: closed after {ending.after_s:.2f} s of silence, {allowed_s:g} s are allowed"]
    return []


def tracebacks(log: str) -> list[str]:
    """What went wrong inside the server, whatever the clients did: one line for each kind."""
    found: dict[str, int] = {}
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("Traceback "):
            # Without the time before it and the values behind it.
            what = re.sub(r"^\S+Z | +\w+=.*$", "", lines[number - 1]) if number else ""
            found[what] = found.get(what, 0) + 1
    return [f"the server logged a traceback ({times} times): {what}" for what, times in found.items()]
