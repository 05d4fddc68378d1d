"""The desk: everything a service may use. Made once by `app`, and by tests out of fakes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from airgate_kit.clock import Clock
from airgate_web.domain.user import User
from airgate_web.ports import AuditEntry, Blobs, Folders, Store, Tester, Tokens
from airgate_web.services.attempts import Attempts
from airgate_web.services.failed_sign_ins import FailedSignIns
from airgate_web.services.judgements import Judgements
from airgate_web.services.meter import Meter
from airgate_web.services.no_folders import NoFolders
from airgate_web.services.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Desk:
    """upload_limit: bytes of one model file. random: returns that many unpredictable bytes."""

    store: Store
    blobs: Blobs
    tester: Tester
    tokens: Tokens
    clock: Clock
    upload_limit: int
    random: Callable[[int], bytes]
    attempts: Attempts = field(default_factory=Attempts)
    failed_sign_ins: FailedSignIns = field(default_factory=FailedSignIns)
    uploads: Uploads = field(default_factory=Uploads)
    judgements: Judgements = field(default_factory=Judgements)
    meter: Meter = field(default_factory=Meter)
    folders: Folders = field(default_factory=NoFolders)

    def note(self, user: User, deed: str, subject: str, detail: str = "") -> None:
        """Keep in the audit that `user` did `deed` ("create", "remove", …) to `subject` ("deployment qc/live")."""
        self.store.add_audit(AuditEntry(self.clock.now(), user.name, deed, subject, detail))
