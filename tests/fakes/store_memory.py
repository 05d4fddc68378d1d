"""The Store in memory: quick, forgetful, and held to the same suite as the SQL one (tests/contracts)."""

import dataclasses
import datetime
import threading
from collections.abc import Mapping, Sequence

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.deployment import Deployment, DeploymentStatus, Token
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.job import Job, JobCount, JobRecord, JobReport, JobState, JobStatus
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.model import Model, ModelVersion, Permit
from airgate_web.domain.project import Project
from airgate_web.domain.reach import GatewayReport
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.user import User
from airgate_web.domain.workload import Observation
from airgate_web.ports import AuditEntry


class MemoryStore:
    """Keeps the Store protocol in dicts behind one lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._users: dict[str, User] = {}
        self._audit: dict[int, AuditEntry] = {}
        self._projects: dict[str, Project] = {}
        self._versions: dict[tuple[str, str], list[ModelVersion]] = {}
        self._datasets: dict[tuple[str, str], DataSet] = {}
        self._runtimes: dict[str, Runtime] = {}
        self._deployments: dict[int, Deployment] = {}
        self._statuses: dict[int, DeploymentStatus] = {}
        self._jobs: dict[int, JobRecord] = {}
        self._job_logs: dict[int, JobLog] = {}
        self._tokens: dict[str, Token] = {}
        self._reports: dict[str, GatewayReport] = {}
        self._observation: tuple[Observation, datetime.datetime] | None = None
        self._last_id = self._wishes = self._facts = 0

    def close(self) -> None:
        pass

    # People
    def add_user(self, user: User) -> None:
        with self._lock:
            if user.name in self._users:
                raise Conflict(f"There is a user '{user.name}' already.")
            self._users[user.name] = user

    def find_user(self, name: str) -> User | None:
        return self._users.get(name)

    def list_users(self) -> Sequence[User]:
        with self._lock:
            return [self._users[name] for name in sorted(self._users)]

    def change_password(self, name: str, password_hash: str) -> None:
        with self._lock:
            if name not in self._users:
                raise NotFound(f"There is no user '{name}'.")
            self._users[name] = dataclasses.replace(self._users[name], password_hash=password_hash)

    # Projects
    def add_project(self, project: Project) -> Project:
        with self._lock:
            if project.route in self._projects:
                raise Conflict(f"There is a project '{project.route}' already.")
            self._wishes += 1
            self._projects[project.route] = dataclasses.replace(project, id=self._next_id())
            return self._projects[project.route]

    def find_project(self, route: str) -> Project | None:
        return self._projects.get(route)

    def list_projects(self) -> Sequence[Project]:
        with self._lock:
            return [self._projects[route] for route in sorted(self._projects)]

    def remove_project(self, route: str, at: datetime.datetime) -> None:
        with self._lock:
            if self._projects.pop(route, None) is None:
                return
            for key in [key for key in self._versions if key[0] == route]:
                del self._versions[key]
            for name in [name for project, name in self._datasets if project == route]:
                del self._datasets[route, name]
            for record in self.list_jobs(route):
                self.remove_job(route, record.job.id)
            for deployment in self.list_deployments(route):
                self.remove_deployment(route, deployment.name, at)
            self._wishes += 1

    # Models
    def add_version(self, version: ModelVersion) -> ModelVersion:
        with self._lock:
            self._check_project(version.project)
            self._wishes += 1
            kept = self._versions.setdefault((version.project, version.model), [])
            kept.insert(0, dataclasses.replace(version, version=len(kept) + 1))
            return kept[0]

    def find_version(self, route: str, model: str, version: int) -> ModelVersion | None:
        return next((kept for kept in self.list_versions(route, model) if kept.version == version), None)

    def find_model(self, route: str, model: str) -> Model | None:
        kept = self.list_versions(route, model)
        return Model(route, model, kept[0], len(kept)) if kept else None

    def list_models(self, route: str) -> Sequence[Model]:
        with self._lock:
            found = sorted(key for key in self._versions if key[0] == route)
            return [Model(*key, self._versions[key][0], len(self._versions[key])) for key in found]

    def list_versions(self, route: str, model: str) -> Sequence[ModelVersion]:
        with self._lock:
            return list(self._versions.get((route, model), []))

    def put_permit(self, route: str, model: str, version: int, permit: Permit) -> None:
        with self._lock:
            kept = self._versions.get((route, model), [])
            place = next((place for place, one in enumerate(kept) if one.version == version), None)
            if place is None:
                raise NotFound(f"There is no version {version} of the model '{model}' any more.")
            kept[place] = dataclasses.replace(kept[place], permit=permit)
            self._wishes += 1

    def remove_model(self, route: str, model: str) -> None:
        with self._lock:
            if self._versions.pop((route, model), None):
                self._wishes += 1

    def list_digests(self) -> frozenset[str]:
        with self._lock:
            kept = {version.digest for versions in self._versions.values() for version in versions}
            kept |= {dataset.digest for dataset in self._datasets.values()}
            kept = kept.union(*(record.digests for record in self._jobs.values()))
            return frozenset(kept | {model.digest for wish in self._deployments.values() for model in wish.models})

    # Data sets
    def add_dataset(self, dataset: DataSet) -> None:
        with self._lock:
            self._check_project(dataset.project)
            if (dataset.project, dataset.name) in self._datasets:
                raise Conflict(f"There is a data set '{dataset.name}' already in project '{dataset.project}'.")
            self._wishes += 1
            self._datasets[dataset.project, dataset.name] = dataset

    def find_dataset(self, route: str, name: str) -> DataSet | None:
        return self._datasets.get((route, name))

    def list_datasets(self, route: str) -> Sequence[DataSet]:
        with self._lock:
            return [self._datasets[key] for key in sorted(self._datasets) if key[0] == route]

    def remove_dataset(self, route: str, name: str) -> None:
        with self._lock:
            if self._datasets.pop((route, name), None):
                self._wishes += 1

    # Runtimes
    def put_runtime(self, runtime: Runtime) -> None:
        with self._lock:
            if self._runtimes.get(runtime.slug) != runtime:
                self._runtimes[runtime.slug] = runtime
                self._wishes += 1

    def find_runtime(self, slug: str) -> Runtime | None:
        return self._runtimes.get(slug)

    def list_runtimes(self) -> Sequence[Runtime]:
        with self._lock:
            return sorted(self._runtimes.values(), key=lambda runtime: runtime.name)

    # Deployments: wishes
    def add_deployment(self, deployment: Deployment) -> Deployment:
        with self._lock:
            self._check_project(deployment.route)
            if self.find_deployment(deployment.route, deployment.name):
                raise Conflict(f"There is a deployment '{deployment.owner}' already.")
            self._wishes += 1
            kept = dataclasses.replace(deployment, id=self._next_id(), generation=1)
            self._deployments[kept.id] = kept
            return kept

    def change_deployment(self, deployment: Deployment) -> Deployment:
        with self._lock:
            if deployment.id not in self._deployments:
                raise NotFound(f"There is no deployment '{deployment.owner}' any more.")
            self._wishes += 1
            generation = self._deployments[deployment.id].generation + 1
            self._deployments[deployment.id] = dataclasses.replace(deployment, generation=generation)
            return self._deployments[deployment.id]

    def find_deployment(self, route: str, name: str) -> Deployment | None:
        return next((kept for kept in self.list_deployments(route) if kept.name == name), None)

    def list_deployments(self, route: str | None = None) -> Sequence[Deployment]:
        with self._lock:
            kept = [kept for kept in self._deployments.values() if route is None or kept.route == route]
            return sorted(kept, key=lambda deployment: (deployment.route, deployment.name))

    def remove_deployment(self, route: str, name: str, at: datetime.datetime) -> None:
        with self._lock:
            found = self.find_deployment(route, name)
            if found is None:
                return
            for token in self.list_tokens(found.id):
                self.revoke_token(token.id, at)
            del self._deployments[found.id]
            self._statuses.pop(found.id, None)
            self._wishes += 1

    # Deployments: facts
    def write_status(self, deployment_id: int, status: DeploymentStatus) -> None:
        with self._lock:
            last = self._statuses.get(deployment_id)
            same = last is not None and dataclasses.replace(last, updated=status.updated) == status
            if deployment_id in self._deployments and not same:
                self._statuses[deployment_id] = status
                self._facts += 1

    def find_status(self, deployment_id: int) -> DeploymentStatus | None:
        return self._statuses.get(deployment_id)

    def write_observation(self, observation: Observation, at: datetime.datetime) -> None:
        self._observation = (observation, at)

    def find_observation(self) -> tuple[Observation, datetime.datetime] | None:
        return self._observation

    # Jobs
    def add_job(self, job: Job) -> Job:
        with self._lock:
            self._check_project(job.route)
            self._wishes += 1
            kept = dataclasses.replace(job, id=self._next_id())
            self._jobs[kept.id] = JobRecord(kept)
            return kept

    def find_job(self, route: str, id_: int) -> JobRecord | None:
        return next((record for record in self.list_jobs(route) if record.job.id == id_), None)

    def find_open_job(self, id_: int) -> JobRecord | None:
        return next((record for record in self.list_open_jobs() if record.job.id == id_), None)

    def list_jobs(self, route: str) -> Sequence[JobRecord]:
        with self._lock:
            return [record for _, record in sorted(self._jobs.items(), reverse=True) if record.job.route == route]

    def list_open_jobs(self) -> Sequence[JobRecord]:
        with self._lock:
            return [record for _, record in sorted(self._jobs.items()) if record.is_open]

    def list_failed_jobs(self, limit: int) -> Sequence[JobRecord]:
        with self._lock:
            every = [record for _, record in sorted(self._jobs.items(), reverse=True)]
            return [record for record in every if record.state is JobState.FAILED][:limit]

    def count_jobs(self) -> Mapping[JobState, JobCount]:
        with self._lock:
            found: dict[JobState, JobCount] = {}
            for record in self._jobs.values():
                last = found.get(record.state, JobCount())
                rows = record.report.rows if record.report else 0
                found[record.state] = JobCount(last.jobs + 1, last.rows + rows)
            return found

    def stop_job(self, route: str, id_: int, at: datetime.datetime) -> bool:
        with self._lock:
            record = self.find_job(route, id_)
            if record is None or not record.is_open:
                return False
            self._jobs[id_] = dataclasses.replace(record, job=dataclasses.replace(record.job, stopped=at))
            self._wishes += 1
            return True

    def remove_job(self, route: str, id_: int) -> None:
        with self._lock:
            if self.find_job(route, id_):
                del self._jobs[id_]
                self._job_logs.pop(id_, None)
                self._wishes += 1

    def write_job_status(self, id_: int, status: JobStatus) -> bool:
        return self._write_word(id_, status=status)

    def write_job_report(self, id_: int, report: JobReport) -> bool:
        return self._write_word(id_, report=report)

    def write_job_log(self, id_: int, log: JobLog) -> None:
        with self._lock:
            before = self._job_logs.get(id_)
            if id_ in self._jobs and (before is None or before.text != log.text):
                self._job_logs[id_] = log
                self._facts += 1

    def find_job_log(self, id_: int) -> JobLog | None:
        return self._job_logs.get(id_)

    def _write_word(self, id_: int, **word: JobStatus | JobReport) -> bool:
        with self._lock:
            before = self.find_open_job(id_)
            if before is None:
                return False
            after = dataclasses.replace(before, **word)  # type: ignore[arg-type]
            self._facts += after != before
            self._jobs[id_] = after
            return True

    # Gateways: facts
    def write_report(self, report: GatewayReport) -> None:
        with self._lock:
            last = self._reports.get(report.gateway)
            oldest = report.reported - datetime.timedelta(days=1)
            self._reports = {name: kept for name, kept in self._reports.items() if kept.reported >= oldest}
            self._reports[report.gateway] = report
            if last is None or dataclasses.replace(last, reported=report.reported) != report:
                self._facts += 1

    def list_reports(self) -> Sequence[GatewayReport]:
        with self._lock:
            return [self._reports[name] for name in sorted(self._reports)]

    # Tokens
    def add_token(self, token: Token) -> None:
        with self._lock:
            if token.deployment_id not in self._deployments:
                raise NotFound("The deployment of this token is gone.")
            if token.id in self._tokens:
                raise Conflict("There is a token of this id already.")
            self._tokens[token.id] = token
            self._wishes += 1

    def list_tokens(self, deployment_id: int) -> Sequence[Token]:
        with self._lock:
            kept = [token for token in self._tokens.values() if token.deployment_id == deployment_id]
            return sorted(kept, key=lambda token: token.created, reverse=True)

    def revoke_token(self, token_id: str, at: datetime.datetime) -> None:
        with self._lock:
            token = self._tokens.get(token_id)
            if token is not None and token.revoked is None:
                self._tokens[token_id] = dataclasses.replace(token, revoked=at)
                self._wishes += 1

    def list_revoked(self) -> Sequence[Token]:
        with self._lock:
            return [self._tokens[key] for key in sorted(self._tokens) if self._tokens[key].revoked]

    # Audit and change notices
    def add_audit(self, entry: AuditEntry) -> int:
        with self._lock:
            id_ = len(self._audit) + 1
            self._audit[id_] = entry
            return id_

    def change_audit(self, id_: int, detail: str) -> None:
        with self._lock:
            if id_ in self._audit:
                self._audit[id_] = dataclasses.replace(self._audit[id_], detail=detail)

    def list_audit(self, limit: int = 200) -> Sequence[AuditEntry]:
        with self._lock:
            return list(self._audit.values())[::-1][:limit]

    def find_wish_number(self) -> int:
        return self._wishes

    def find_fact_number(self) -> int:
        return self._facts

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _check_project(self, route: str) -> None:
        if route not in self._projects:
            raise NotFound(f"There is no project '{route}'.")
