"""A mail server on the loopback that speaks SMTP over sockets, keeps what it took, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from tests.chaos.model import Taken, read

PATIENCE = 1.6  # seconds: longer than the client's EMAIL_TIMEOUT of one


class Mood(StrEnum):
    ACCEPT = "accepts"
    LATER = "refuses for now (451)"
    NEVER = "refuses the address for good (550)"
    CLOSED = "refuses the connection (554)"
    MUTE = "hangs without a greeting"
    STUCK = "hangs before the message"
    DROP = "takes nothing and drops the line after the message"
    TOOK_DROP = "takes the message and drops the line before it answers"
    TOOK_MUTE = "takes the message and never answers"
    TOOK_LATE = "takes the message and answers after the client has left"
    TOOK_MUMBLE = "takes the message and answers what is no answer"
    TOOK_KILL = "takes the message, and the sender is killed before it answers"


class Sink:
    """Runs in a thread of its own. `mood` may change at any time; each command is answered in the mood of that moment."""

    def __init__(self) -> None:
        self.mood = Mood.ACCEPT
        self.taken: list[Taken] = []
        self.met: Counter[str] = Counter()
        self.kill: Callable[[], None] = lambda: None
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Sink:
        self._thread.start()
        self._ready.wait(10)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _hang_up(self) -> None:
        talks = asyncio.all_tasks() - {asyncio.current_task()}
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        if self._in(Mood.CLOSED):
            return await say("554 not today")
        if self._in(Mood.MUTE):
            await asyncio.sleep(PATIENCE)
        await say("220 sink")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"MAIL" and self._in(Mood.STUCK):
                await asyncio.sleep(PATIENCE)
            if verb == b"RCPT" and self._in(Mood.LATER):
                await say("451 come again later")
            elif verb == b"RCPT" and self._in(Mood.NEVER):
                await say("550 no such mailbox")
            elif verb == b"DATA":
                await say("354 go on")
                if not await self._message(reader, writer):
                    return None
            elif verb == b"QUIT":
                return await say("221 bye")
            else:
                await say("250 as you like")
        return None

    def _in(self, mood: Mood) -> bool:
        if self.mood != mood:
            return False
        self.met[mood] += 1
        return True

    async def _message(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the conversation goes on after it."""
        content = await reader.readuntil(b"\r\n.\r\n")
        if self._in(Mood.DROP):
            return False
        mail = read(content[:-3].replace(b"\r\n..", b"\r\n."), at=time.monotonic())
        for mood in (Mood.TOOK_DROP, Mood.TOOK_MUTE, Mood.TOOK_LATE, Mood.TOOK_MUMBLE, Mood.TOOK_KILL):
            if self._in(mood):
                self.taken.append(replace(mail, answered=False))
                if mood == Mood.TOOK_KILL:
                    self.mood = Mood.ACCEPT  # once
                    self.kill()
                if mood in (Mood.TOOK_LATE, Mood.TOOK_MUTE):
                    await asyncio.sleep(PATIENCE)
                if mood not in (Mood.TOOK_DROP, Mood.TOOK_MUTE):
                    writer.write(b"%%\r\n" if mood == Mood.TOOK_MUMBLE else b"250 taken\r\n")
                    await writer.drain()
                return False
        self.taken.append(mail)
        writer.write(b"250 taken\r\n")
        await writer.drain()
        return True
