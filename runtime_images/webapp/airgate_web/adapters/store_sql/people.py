"""Who may sign in, and who did what."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from airgate_web.adapters.store_sql.engine import Door
from airgate_web.adapters.store_sql.rows import read_user
from airgate_web.adapters.store_sql.tables import audit, users
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.user import User
from airgate_web.ports import AuditEntry


class People(Door):
    """The part of the Store about people."""

    def add_user(self, user: User) -> None:
        """Keep a user; Conflict when the name is taken."""
        row = {"name": user.name, "role": user.role.value, "password_hash": user.password_hash, "created": user.created}
        with self._write() as connection:
            try:
                connection.execute(users.insert().values(row))
            except IntegrityError:
                raise Conflict(f"There is a user '{user.name}' already.", "Choose another name.") from None

    def find_user(self, name: str) -> User | None:
        """Return a user or None."""
        with self._read() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).first()
            return read_user(row) if row else None

    def list_users(self) -> Sequence[User]:
        """Return all users by name."""
        with self._read() as connection:
            return [read_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def change_password(self, name: str, password_hash: str) -> None:
        """Replace a password hash; NotFound when there is no such user."""
        with self._write() as connection:
            change = users.update().where(users.c.name == name).values(password_hash=password_hash)
            if not connection.execute(change).rowcount:
                raise NotFound(f"There is no user '{name}'.")

    def add_audit(self, entry: AuditEntry) -> int:
        """Keep what somebody did and return the entry's id."""
        row = {
            "at": entry.at,
            "who": entry.who,
            "deed": entry.deed,
            "subject": entry.subject,
            "detail": entry.detail,
        }
        with self._write() as connection:
            return int(connection.execute(audit.insert().values(row).returning(audit.c.id)).scalar_one())

    def change_audit(self, id_: int, detail: str) -> None:
        """Write another detail into an entry."""
        with self._write() as connection:
            connection.execute(audit.update().where(audit.c.id == id_).values(detail=detail))

    def list_audit(self, limit: int = 200) -> Sequence[AuditEntry]:
        """Return the last `limit` entries, newest first."""
        with self._read() as connection:
            rows = connection.execute(select(audit).order_by(audit.c.id.desc()).limit(limit))
            return [AuditEntry(row.at, row.who, row.deed, row.subject, row.detail) for row in rows]
