"""Run a supervisor until SIGTERM or SIGINT."""

import asyncio
import signal

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.adapters.cluster_local.door import start_door
from airgate_web.adapters.cluster_local.places import Options, Places, make_places
from airgate_web.adapters.cluster_local.supervisor import Supervisor, hold_lock
from airgate_web.domain.errors import Conflict

log = logs.get(__name__)


def run_supervisor(options: Options, clock: Clock) -> None:
    """Supervise until told to end; leaves no process.

    Raises ValueError when the home's path is too long for a socket, Conflict when another supervisor runs there.
    """
    places = make_places(options.home)
    try:
        with hold_lock(places.lock):
            asyncio.run(supervise(options, places, clock))
    except BlockingIOError:
        raise Conflict(
            f"Another supervisor runs in {options.home}.",
            "End it first, or choose another home.",
        ) from None


async def supervise(options: Options, places: Places, clock: Clock) -> None:
    """Start, wait for a signal, stop."""
    supervisor = Supervisor(options, places, clock)
    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    await supervisor.start()
    door = await start_door(supervisor, places.socket)
    log.info("the supervisor is ready", extra={"fields": {"socket": str(places.socket)}})
    await end.wait()
    log.info("the supervisor ends")
    door.close()
    places.socket.unlink(missing_ok=True)
    await supervisor.stop()
