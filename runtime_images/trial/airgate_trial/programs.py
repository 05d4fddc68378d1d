"""Which processes make up the appliance, and supervisord's configuration for them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airgate_trial.home import Home, Settings

LOG_BYTES = "5MB"
STOP_S = 10
STOP_SUPERVISE_S = 45  # model processes may finish what they were asked

SIMULATED = "qualcomm.com"  # the maker of the cards that AIRGATE_QAIC makes


@dataclass(frozen=True, slots=True)
class Program:
    """One process. order: lower starts earlier and ends later."""

    name: str
    command: tuple[str, ...]
    order: int
    stop_s: int = STOP_S


def find_programs(settings: Settings, binaries: Path, nvidia: bool) -> tuple[Program, ...]:
    """Return the appliance's processes. binaries: where their commands lie. nvidia: real cards are there."""
    home = settings.home
    web = f"unix:{home.web}"
    door = f"127.0.0.1:{settings.port}"
    token = str(home.internal_token)
    console = ("--http", door, "--http-console")
    simulated = ("--simulated-cards", SIMULATED) if settings.cards else ()

    def command(name: str, *arguments: object) -> tuple[str, ...]:
        return (str(binaries / name), *map(str, arguments))

    programs = [
        Program(
            "supervise",
            command("airgate-web", "supervise", "--home", home.root, "--web-url", web, *simulated),
            10,
            STOP_SUPERVISE_S,
        ),
        Program("web", command("airgate-web", "web", "--home", home.root, "--uds", home.web), 20),
        Program("reconcile", command("airgate-web", "reconcile", "--home", home.root, "--health-port", 0), 20),
        Program(
            "agent",
            command("airgate-gateway", "agent", "--dir", home.routes, "--web", web, "--token-file", token, *console),
            30,
        ),
        Program("envoy", command("airgate-gateway", "envoy", "--dir", home.routes, "--concurrency", 1), 40),
    ]
    if settings.cards or nvidia:
        programs.insert(0, Program("plugin", find_plugin(home, binaries, settings.cards, nvidia), 15))
    return tuple(programs)


def find_plugin(home: Home, binaries: Path, cards: int, nvidia: bool) -> tuple[str, ...]:
    """Return the device plugin's command: over the tree of simulated cards, or over this machine."""
    root = str(home.host if cards else Path("/"))
    command = (str(binaries / "airgate-plugin"), "run", "--host-root", root, "--host-prefix", root)
    ports = ("--kubelet-dir", str(home.kubelet), "--http", "127.0.0.1:0")
    # No kernel tells of what happens to simulated cards: look often instead.
    looks = ("--uevents", "none", "--period", "1", "--qaic-util-period", "5")
    return (*command, *ports, *looks, *(("--nvidia",) if nvidia else ()))


def render_configuration(home: Home, programs: tuple[Program, ...], environment: Mapping[str, str]) -> str:
    """Return supervisord's configuration; a percent sign is doubled, because supervisord expands it."""
    sections: list[tuple[str, Mapping[str, object]]] = [
        ("unix_http_server", {"file": home.run / "supervisord.sock", "chmod": "0700"}),
        (
            "rpcinterface:supervisor",
            {"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        (
            "supervisord",
            {
                "logfile": home.logs / "supervisord.log",
                "pidfile": home.run / "supervisord.pid",
                "directory": home.root,
                "umask": "077",
                "logfile_maxbytes": LOG_BYTES,
                "environment": ",".join(f'{key}="{value}"' for key, value in environment.items()),
            },
        ),
        *((f"program:{program.name}", find_options(home, program)) for program in programs),
    ]
    return "\n".join(render_section(name, options) for name, options in sections)


def find_options(home: Home, program: Program) -> dict[str, object]:
    """Return one program's options: started again for ever, killed with its whole group when it will not end."""
    return {
        "command": " ".join(program.command),
        "priority": program.order,
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 1_000_000,
        "stopwaitsecs": program.stop_s,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": home.logs / f"{program.name}.log",
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": 1,
    }


def render_section(name: str, options: Mapping[str, object]) -> str:
    """Return one section of an INI file."""
    lines = (f"{key}={str(value).replace('%', '%%')}" for key, value in options.items())
    return f"[{name}]\n" + "\n".join(lines) + "\n"
