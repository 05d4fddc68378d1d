"""A project: a name for people, a route for addresses."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """A folder for models and deployments. `route` stands in URLs and never changes."""

    id: int
    name: str
    route: str
    description: str
    created: datetime.datetime
    created_by: str
