"""What the agent does when somebody else than the webapp answers it."""

import json
import threading
from pathlib import Path

from airgate_gateway.agent import Agent, Settings
from airgate_gateway.doors import Address
from airgate_gateway.listeners import EMPTY
from airgate_kit.clock import SystemClock
from tests.gateway.rig import KeepAlive
from tests.kit.small_server import serve


def test_a_connection_that_led_elsewhere_is_not_asked_again(tmp_path: Path, caplog) -> None:
    """A node that just started knows no Service yet: the first connection may end at a stranger, who says 404."""
    strangers: list[object] = []
    stop = threading.Event()

    class Handler(KeepAlive):
        def do_GET(self) -> None:
            strangers[:] = strangers or [self.client_address]
            if strangers == [self.client_address]:
                self.answer(404, b"who is that?")
                return
            self.answer(200, {**EMPTY, "digest": "new"})
            stop.set()

        do_POST = do_GET

    (tmp_path / "token").write_text("internal")
    with serve(Handler) as port:
        web = Address("127.0.0.1", port)
        settings = Settings("here", tmp_path / "envoy", web, tmp_path / "token", ())
        (tmp_path / "envoy").mkdir()
        with caplog.at_level("INFO"):
            Agent(settings, SystemClock()).run(stop)
    assert json.loads((tmp_path / "envoy" / "snapshot.json").read_text())["digest"] == "new"
    said = [record for record in caplog.records if "does not answer" in record.getMessage()]
    assert ["404 Not Found" in record.fields["error"] for record in said] == [True]
