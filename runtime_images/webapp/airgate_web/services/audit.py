"""Who did what."""

from collections.abc import Sequence

from airgate_web.domain.user import User
from airgate_web.ports import AuditEntry
from airgate_web.services.desk import Desk
from airgate_web.services.users import require_admin


def list_audit(desk: Desk, user: User, limit: int = 200) -> Sequence[AuditEntry]:
    """Return the last deeds, newest first; Forbidden unless `user` is an admin."""
    require_admin(user)
    return desk.store.list_audit(max(1, min(limit, 1000)))
