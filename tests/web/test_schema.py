"""The database's schema: migrated once, and never by an older Airgate."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from airgate_web.adapters.store_sql.engine import open_engine
from airgate_web.adapters.store_sql.schema import MIGRATIONS, find_revisions, migrate
from airgate_web.domain.errors import Invalid

OPEN_TWICE = """
import sys
from airgate_web.adapters.store_sql import open_store
open_store(sys.argv[1]).close()
print("alembic" in sys.modules)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/store.db"


def test_the_revisions_are_one_line_named_by_their_files() -> None:
    """File names say what Alembic finds, so that a start can tell without Alembic that nothing is missing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    walked = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert list(reversed(walked)) == find_revisions()


def test_a_database_of_a_newer_airgate_is_refused(url: str) -> None:
    """One sentence says what is wrong and what to do; nothing is written."""
    engine = open_engine(url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Invalid, match=r"newer Airgate \(9999"):
        migrate(engine)
    engine.dispose()


@pytest.mark.process
def test_a_second_start_does_not_load_alembic(url: str) -> None:
    """Where no migration is missing, a start is a second faster."""
    loaded = [
        subprocess.run([sys.executable, "-c", OPEN_TWICE, url], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert loaded == ["True\n", "False\n"]
