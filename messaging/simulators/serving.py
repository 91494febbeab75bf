"""How every simulator is started and stopped: on 127.0.0.1 only, one line when ready, gone at once on SIGTERM.

Nothing is saved on the way out: whatever mattered is in the journal already.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

from aiohttp import web


def arguments(description: str) -> ArgumentParser:
    """A parser with what every simulator needs: `--port` (0 = any free one) and `--log`."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes any free one")
    parser.add_argument("--log", type=Path, required=True, help="the journal, appended to and synced before every answer")
    return parser


def run(app: web.Application, port: int) -> None:
    """Serve until SIGTERM or SIGINT. Raises SystemExit with a sentence when the port is taken."""
    try:
        asyncio.run(_serve(app, port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SystemExit(f"Port {port} on 127.0.0.1 cannot be used ({why}). Choose another with --port.") from error


def until_told() -> asyncio.Event:
    """Set by SIGTERM or SIGINT. Asked for inside a running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def announce(scheme: str, port: int) -> None:
    """The one line that says it listens, and where."""
    sys.stdout.write(f"listening {scheme}://127.0.0.1:{port}\n")
    sys.stdout.flush()


async def _serve(app: web.Application, port: int) -> None:
    stop = until_told()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        announce("http", runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()
