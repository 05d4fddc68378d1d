"""The supervisor's process."""

from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.cluster_local.main import run_supervisor
from airgate_web.adapters.cluster_local.places import Options
from airgate_web.config import BLOBS, SuperviseConfig
from airgate_web.domain.errors import Invalid


def run_supervise(config: SuperviseConfig) -> int:
    """Run the supervisor until a signal comes. Raises a Refusal when it cannot start."""
    logs.setup(config.log_level)
    home, clock = config.home.absolute(), SystemClock()
    options = Options(
        home=home,
        serve=(str(config.serve),),
        blobs=home / BLOBS,
        find_blob=FolderBlobs(home / BLOBS, clock).find,
        environ=config.environ,
        trace_url=config.trace_url,
        web_url=config.web_url,
        simulated=config.simulated,
    )
    try:
        run_supervisor(options, clock)
    except ValueError as why:
        raise Invalid(str(why), "Set --home or AIRGATE_HOME.") from None
    return 0
