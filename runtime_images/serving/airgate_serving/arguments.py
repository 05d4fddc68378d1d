"""The arguments of every command, and nothing else; `cli.py` and `settings.py` read them."""

import argparse
from pathlib import Path

from airgate_kit import names
from airgate_serving.config import MEBIBYTE, Limits, Ports
from airgate_serving.errors import BadConfiguration
from airgate_serving.jobs.plan import KINDS, TASKS
from airgate_serving.trials.job import Bounds

PORTS, LIMITS = Ports(), Limits()  # the defaults
TRIAL_SECONDS, TRIAL_MEMORY_MIB, CACHE_MIB = 60.0, 2048, 4096
FETCH_PATIENCE, TELL_PATIENCE = 120.0, 600.0  # seconds
ALSO = ("NAME", "VERSION", "DIGEST", "FORMAT", "FILE")  # what --also is followed by
FORMAT_HELP = "onnx, sklearn, xgboost, lightgbm, pmml, script, mlflow or qpc; found out from the file unless given"


def build_serve_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve MODEL_FILE`."""
    parser = argparse.ArgumentParser(
        prog="airgate-serve",
        description="Serve one model over HTTP and gRPC.",
        epilog=f"Other commands: airgate-serve {' | '.join(OFFLINE)} | fetch | job | tester, each with --help.",
    )
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--name", help="name in URLs; the file's own without its ending unless given")
    parser.add_argument("--version", default="1", help="version in URLs (1)")
    parser.add_argument("--digest", help="sha256:HEX of the file, sent with every answer; computed unless given")
    parser.add_argument("--format", help=FORMAT_HELP)
    also = "a further model in this process, on the same card; may be said again"
    parser.add_argument("--also", nargs=5, action="append", default=[], metavar=ALSO, help=also)
    override = "sha256:HEX of the file that an administrator has allowed past the scanner; the lock stays"
    parser.add_argument("--override-scanner", default="", metavar="DIGEST", help=override)
    parser.add_argument("--threads", type=int, help="threads of one run; from the container's CPU limit unless given")
    parser.add_argument("--host", default=PORTS.host, help="address to listen on (127.0.0.1)")
    parser.add_argument("--http-port", type=int, default=PORTS.http, help="predictions (0: any free port)")
    parser.add_argument("--grpc-port", type=int, default=PORTS.grpc, help="Open Inference over gRPC")
    parser.add_argument("--admin-port", type=int, default=PORTS.admin, help="probes and metrics")
    _add_limits(parser)
    _add_records(parser)
    parser.add_argument("--repository", action="store_true", help="let callers load the file again, and unload it")
    _add_lock(parser)
    return parser


def _add_records(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--access-log", action="store_true", help="a JSON line on stdout for every answer, without what was in it")
    add("--sample-file", type=Path, help="ring file for whole requests; none are kept unless given")
    add("--sample-every", type=_read_count, default=100, help="one request of so many goes into the ring (100)")
    add("--sample-keep", type=_read_count, default=1000, help="requests in the ring, 4 KiB each (1000)")
    add(
        "--trace-url", default="", help="OpenTelemetry collector to send traces to, http://HOST:4318; none unless given"
    )


def _read_count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _add_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--window", type=float, default=LIMITS.window_seconds, help="seconds to wait for company in a batch (0)")
    add("--queue", type=int, default=LIMITS.queue, help="requests inside at a time, then 429")
    add("--deadline", type=float, default=LIMITS.deadline_seconds, help="seconds in the queue, then 504")
    add("--max-body-mib", type=int, default=64, help="largest body in MiB, then 413")
    add("--linger", type=float, default=LIMITS.linger_seconds, help="seconds of answering after SIGTERM")
    add("--drain", type=float, default=LIMITS.drain_seconds, help="then seconds to wait for what is inside")


def _add_lock(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--landlock", choices=("auto", "off"), default="auto", help="off: as if the kernel had none")
    parser.add_argument(
        "--open-unlocked",
        action="store_true",
        help="open formats that carry code where the kernel cannot lock; on loopback only",
    )


def build_inspect_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve inspect FILE`."""
    parser = argparse.ArgumentParser(prog="airgate-serve inspect", description="Say what a model takes and gives.")
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    parser.add_argument("--format", default="", help=FORMAT_HELP)
    _add_call(parser)
    _add_lock(parser)
    return parser


def build_convert_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve convert FILE`."""
    parser = argparse.ArgumentParser(
        prog="airgate-serve convert", description="Make ONNX of a model, and prove that it answers the same."
    )
    parser.add_argument("file", type=Path, help="a model of scikit-learn, XGBoost or LightGBM")
    parser.add_argument("--to", type=Path, required=True, help="where to put the ONNX file")
    parser.add_argument("--rows", type=Path, help="CSV file of rows to compare on; rows of chance unless given")
    parser.add_argument("--format", default="", help=FORMAT_HELP)
    _add_call(parser)
    _add_lock(parser)
    return parser


def build_bench_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve bench FILE`."""
    parser = argparse.ArgumentParser(prog="airgate-serve bench", description="Measure one model on this machine.")
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--body", type=Path, help="JSON to send to /predict; the model's sample unless given")
    parser.add_argument("--connections", type=_read_count, nargs="+", default=[1, 32], help="how many at a time (1 32)")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each (3)")
    parser.add_argument("--threads", type=_read_count, default=1, help="threads of one run (1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    _add_lock(parser)
    return parser


def build_batch_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve batch FILE`."""
    parser = argparse.ArgumentParser(prog="airgate-serve batch", description="Answer a whole file of rows.")
    _add_rows(parser)
    parser.add_argument("--to", type=Path, required=True, help="file to fill, .csv, .jsonl or .parquet")
    parser.add_argument("--keep", nargs="+", action="extend", default=[], help="columns to copy into the answers")
    return parser


def build_evaluate_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve evaluate FILE`."""
    parser = argparse.ArgumentParser(prog="airgate-serve evaluate", description="Say how good a model is.")
    _add_rows(parser)
    parser.add_argument("--target", default="", help="the column with the right answers")
    parser.add_argument("--to", type=Path, help="file for the metrics, in place of printing them")
    parser.add_argument("--task", default="", help="classification, regression or clustering; the model's unless given")
    parser.add_argument(
        "--threshold",
        type=_read_threshold,
        nargs="+",
        default=[],
        metavar="METRIC=FAIR,GOOD",
        help="from which value on a metric is fair, and from which good",
    )
    return parser


def build_job_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve job FILE`."""
    parser = argparse.ArgumentParser(
        prog="airgate-serve job", description="Run a job of the webapp, and tell it what becomes of it."
    )
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--task", choices=TASKS, required=True, help="predictions, or how good they are")
    parser.add_argument("--rows", type=Path, required=True, help="the data set's file")
    parser.add_argument("--rows-kind", choices=KINDS, required=True, help="what that is; predictions become the same")
    parser.add_argument("--folder", type=Path, required=True, help="folder to write in, and to go on from")
    parser.add_argument("--web", required=True, help="the web process: http://HOST:PORT or unix:PATH")
    parser.add_argument("--job", type=int, required=True, help="the number by which it knows this job")
    parser.add_argument("--patience", type=float, default=TELL_PATIENCE, help="seconds to tell it the end (600)")
    parser.add_argument("--keep", nargs="+", action="extend", default=[], help="columns to copy into the answers")
    parser.add_argument("--target", default="", help="the column with the right answers")
    parser.add_argument("--measure", default="", help="classification, regression or clustering")
    parser.add_argument("--chunk", type=_read_count, default=1000, help="rows at a time (1000)")
    parser.add_argument("--threads", type=int, help="threads of one run; from the container's CPU limit unless given")
    parser.add_argument("--format", default="", help=FORMAT_HELP)
    _add_lock(parser)
    return parser


def build_freeze_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve freeze FILE`."""
    parser = argparse.ArgumentParser(
        prog="airgate-serve freeze", description="Write the lock of a runtime with a model's own library versions."
    )
    parser.add_argument("file", type=Path, help="a model file, or a list as `pip freeze` writes it (.txt)")
    parser.add_argument("--wheels", type=Path, required=True, help="folder of wheels to choose from")
    parser.add_argument("--to", type=Path, required=True, help="where to put the lock")
    parser.add_argument("--format", default="", help=FORMAT_HELP)
    _add_call(parser)
    _add_lock(parser)
    return parser


def _add_rows(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the model file")
    parser.add_argument("--rows", type=Path, required=True, help="file of rows, .csv, .jsonl or .parquet")
    parser.add_argument("--chunk", type=_read_count, default=1000, help="rows at a time (1000)")
    parser.add_argument("--threads", type=int, help="threads of one run; from the container's CPU limit unless given")
    parser.add_argument("--format", default="", help=FORMAT_HELP)
    _add_lock(parser)


def _read_threshold(text: str) -> tuple[str, tuple[float, float]]:
    name, _, bounds = text.partition("=")
    fair, _, good = bounds.partition(",")
    try:
        return name, (float(fair), float(good))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not METRIC=FAIR,GOOD, as in accuracy=0.7,0.9") from error


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deadline", type=float, default=TRIAL_SECONDS, help="seconds a call may take (60)")
    parser.add_argument("--memory-mib", type=int, default=TRIAL_MEMORY_MIB, help="MiB a call may allocate (2048)")


def build_fetch_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve fetch`."""
    parser = argparse.ArgumentParser(prog="airgate-serve fetch", description="Fetch a model file by its digest.")
    parser.add_argument("--url", required=True, help="where the file is")
    parser.add_argument("--digest", required=True, help="sha256:HEX that it must have")
    parser.add_argument("--to", type=Path, required=True, help="where to put it")
    parser.add_argument("--patience", type=float, default=FETCH_PATIENCE, help="seconds to ask again (120)")
    return parser


def build_manifest_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve manifest`."""
    parser = argparse.ArgumentParser(prog="airgate-serve manifest", description="Describe a model that is a folder.")
    parser.add_argument("folder", type=Path, help="the folder")
    parser.add_argument(
        "--check", default="", metavar="DIGEST", help="write nothing; compare with this manifest's digest"
    )
    parser.add_argument("--full", action="store_true", help="with --check: read every byte, not sizes alone")
    return parser


def build_tester_parser() -> argparse.ArgumentParser:
    """Return the parser of `airgate-serve tester`."""
    parser = argparse.ArgumentParser(prog="airgate-serve tester", description="The warm test runtime.")
    parser.add_argument("--host", default=PORTS.host, help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=names.PORT_SERVE_HTTP, help="calls (0: any free port)")
    parser.add_argument("--admin-port", type=int, default=PORTS.admin, help="probes")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--blobs", type=Path, help="folder of model files, sha256/ab/abcdef…")
    source.add_argument("--blobs-url", default="", help="address of model files, asked for as URL/HEX")
    parser.add_argument("--scratch", type=Path, required=True, help="folder for temporary files and the cache")
    parser.add_argument("--cache-mib", type=int, default=CACHE_MIB, help="MiB of fetched files to keep (4096)")
    parser.add_argument("--threads", type=int, help="threads of one call; from the container's CPU limit unless given")
    _add_call(parser)
    _add_lock(parser)
    return parser


OFFLINE = {
    "inspect": build_inspect_parser,
    "convert": build_convert_parser,
    "bench": build_bench_parser,
    "batch": build_batch_parser,
    "evaluate": build_evaluate_parser,
    "freeze": build_freeze_parser,
}
"""The commands that open one file and end by themselves."""


def find_file(path: Path) -> Path:
    """Return the whole path of a file that is there. Raises BadConfiguration."""
    if not path.is_file():
        raise BadConfiguration(f"There is no file {path}.", "Give the path of a file.")
    return path.resolve()


def find_model(path: Path) -> Path:
    """Return the whole path of a model, which may be a folder. Raises BadConfiguration."""
    return path.resolve() if path.is_dir() else find_file(path)


def read_bounds(parsed: argparse.Namespace, threads: int) -> Bounds:
    """Return what one call may use."""
    return Bounds(parsed.deadline, parsed.memory_mib * MEBIBYTE, threads=threads)
