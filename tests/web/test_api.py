"""The REST API, through the real app on fakes."""

import pytest
from fastapi.testclient import TestClient

from airgate_web.api.failures import STATUS
from airgate_web.app import build_app
from airgate_web.domain import errors
from airgate_web.domain.job import JobState, JobStatus
from airgate_web.domain.reach import GatewayReport
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.ports import Fit
from airgate_web.services.passwords import make_hash
from airgate_web.services.runtimes import DEFAULT_SLUG
from airgate_web.services.users import start_session
from tests.fakes.samples import make_job, make_job_report, make_status, make_user
from tests.web.api import INTERNAL, LIVE, MODELS, WISH, upload


def test_the_whole_way_from_a_file_to_a_token(client, desk):
    """Everything the pages can do can be done by a script."""
    assert upload(client).status_code == 201
    versions = client.get(f"{MODELS}/digits/versions").json()
    assert [(one["version"], one["signature"]["inputs"][0]["name"]) for one in versions] == [(1, "width")]
    sample = client.get(f"{MODELS}/digits/versions/latest/sample").json()
    run = client.post(f"{MODELS}/digits/versions/1/test", json={"args": sample["predict"]["args"]}).json()
    assert run["ok"] and run["result"] == sample["predict"] and "device: CPU" in run["stdout"]
    made = client.post(LIVE, json=WISH)
    assert made.status_code == 201
    assert made.json()["path"] == "/api/v1/svc/qc/live/predict"
    assert (made.json()["state"], made.json()["accelerators"], made.json()["cpu"]) == ("Waiting", 1, 1.0)
    token = client.post(f"{LIVE}/live/tokens", json={"note": "line 3", "days": 7}).json()
    assert desk.tokens.read(token["token"])["dep"] == "qc/live"
    assert client.delete(f"{LIVE}/live/tokens/{token['id']}").status_code == 204
    assert client.get(f"{LIVE}/live/tokens").json()[0]["revoked"]
    assert client.put(f"{LIVE}/live", json={"model": "digits", "replicas": 2}).json()["generation"] == 2
    assert client.delete(f"{MODELS}/digits").status_code == 409
    assert client.delete(f"{LIVE}/live").status_code == 204
    assert client.delete(f"{MODELS}/digits").status_code == 204
    assert client.delete("/api/v2/projects/qc").status_code == 204
    assert client.get("/api/v2/projects").json() == []


def test_a_deployment_shows_what_became_of_it(client, desk):
    """A script sees replicas, cards and notices as the page does."""
    upload(client)
    client.post(LIVE, json=WISH)
    desk.store.write_status(desk.store.find_deployment("qc", "live").id, make_status())
    shown = client.get(f"{LIVE}/live").json()
    assert (shown["state"], shown["ready"], shown["notice"]) == ("Ready", 1, "A card is held but not used.")
    assert shown["running"][0]["devices"] == ["qaic0"]
    assert shown.pop("warnings") == []
    assert client.get("/api/v2/deployments").json() == [shown]
    assert client.get("/api/v2/overview").json()["deployments"] == {"Ready": 1}
    assert client.get("/api/v2/overview").json()["gauges"][0]["free"] == 3


def test_a_version_and_a_deployment_say_what_a_runtime_warns_of(client, desk):
    """A script sees it right after the upload, later, and where the model is deployed."""
    advice = "Compare its answers with your own."
    desk.tester.fits[DEFAULT_SLUG] = Fit(here={"onnx": "1.18"}, warnings=(f"The file is newer. {advice}",))
    said = [{"runtime": DEFAULT_SLUG, "model": "digits", "sentence": "The file is newer.", "hint": advice}]
    assert upload(client).json()["warnings"] == said
    assert client.get(f"{MODELS}/digits/versions/1").json()["warnings"] == said
    assert client.post(LIVE, json=WISH).json()["warnings"] == said
    assert client.get(f"{LIVE}/live").json()["warnings"] == said


def test_no_answer_carries_a_secret(client, desk):
    """Gate secrets and password hashes stay inside."""
    upload(client)
    client.post(LIVE, json=WISH)
    secret = desk.store.find_deployment("qc", "live").gate_secret
    paths = [path for path in client.get("/api/v2/openapi.json").json()["paths"] if "{" not in path]
    for path in [*paths, LIVE, f"{LIVE}/live", MODELS, "/metrics"]:
        answer = client.get(path).text
        assert secret not in answer
        assert "argon2" not in answer


def test_nothing_is_shown_to_nobody(anybody):
    """Every path but signing in, probes and the description wants to know who asks."""
    description = anybody.get("/api/v2/openapi.json").json()
    for path, verbs in description["paths"].items():
        for verb in verbs:
            filled = path.replace("{", "").replace("}", "")
            answer = anybody.request(verb, filled, json={} if verb in ("post", "put") else None)
            if (path, verb) not in {("/api/v2/session", "post"), ("/api/v2/session", "delete")}:
                assert answer.status_code == 401, (path, verb, answer.text)
                assert answer.headers["www-authenticate"] == "Bearer"


def test_signing_in_gives_a_token_and_a_cookie(anybody, desk):
    """The token is for scripts, the cookie for the browser, and scripts in pages cannot read it."""
    desk.store.add_user(make_user("eve", password_hash=make_hash("a long password")))
    wrong = anybody.post("/api/v2/session", json={"name": "eve", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")
    assert not wrong.cookies
    right = anybody.post("/api/v2/session", json={"name": "eve", "password": "a long password"})
    assert "HttpOnly" in right.headers["set-cookie"] and "SameSite=strict" in right.headers["set-cookie"]
    assert "Secure" not in right.headers["set-cookie"]
    assert anybody.get("/api/v2/session").json() == {"name": "eve", "role": "admin"}
    anybody.delete("/api/v2/session")
    assert anybody.get("/api/v2/session").status_code == 401
    token = right.json()["token"]
    assert anybody.get("/api/v2/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_failed_sign_in_is_in_the_audit(anybody, client):
    """The API lists who was tried and from where."""
    body = {"name": "nobody", "password": "wrong"}
    anybody.post("/api/v2/session", json=body, headers={"x-forwarded-for": "6.6.6.6, 10.0.0.7"})
    entry = client.get("/api/v2/audit").json()[0]
    assert (entry["who"], entry["deed"], entry["detail"]) == ("nobody", "failed sign-in", "from 10.0.0.7")


def test_a_cookie_is_for_https_alone_where_there_is_https(anybody, desk):
    """Behind the gateway's TLS the cookie never travels in the clear."""
    desk.store.add_user(make_user("eve", password_hash=make_hash("a long password")))
    body = {"name": "eve", "password": "a long password"}
    answer = anybody.post("/api/v2/session", json=body, headers={"x-forwarded-proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 403),
        ("http://evil.test", 403),
        ("null", 403),
        ("http://airgate.test", 201),
        ("https://airgate.test", 201),
    ],
)
def test_a_change_by_cookie_must_come_from_our_own_pages(anybody, desk, ada, origin, status):
    """Another site cannot make a signed-in browser change anything."""
    anybody.cookies.set("airgate_session", start_session(desk, ada))
    headers = {"origin": origin} if origin else {}
    answer = anybody.post("/api/v2/projects", json={"name": "N", "route": "n"}, headers=headers)
    assert answer.status_code == status
    assert anybody.get("/api/v2/projects").status_code == 200


def test_another_site_cannot_sign_a_browser_in(anybody):
    """Nobody is signed in as somebody else without noticing."""
    answer = anybody.post(
        "/api/v2/session", json={"name": "a", "password": "b"}, headers={"origin": "http://evil.test"}
    )
    assert answer.status_code == 403


def test_a_changed_password_ends_the_session(anybody, desk):
    """The old token is worth nothing afterwards."""
    user = make_user("eve", password_hash=make_hash("a long password"))
    desk.store.add_user(user)
    headers = {"Authorization": f"Bearer {start_session(desk, user)}"}
    body = {"old": "a long password", "new": "a longer password"}
    assert anybody.post("/api/v2/password", json=body, headers=headers).status_code == 200
    assert anybody.get("/api/v2/session", headers=headers).status_code == 401


def test_the_gateways_snapshot_is_for_the_agent(client):
    """Gate secrets leave only to who has the internal token."""
    assert client.get("/internal/gateway").status_code == 401
    for secret in (find_blob_secret(INTERNAL, "x"), find_blobs_secret(INTERNAL)):
        assert client.get("/internal/gateway", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    answer = client.get("/internal/gateway", headers={"Authorization": f"Bearer {INTERNAL}"})
    assert answer.json()["jwks"]["keys"]


def test_a_gateway_reports_whom_it_reaches_by_the_internal_token(client, desk):
    """Nobody else makes a deployment Ready; what is no report is refused."""
    report = {"gateway": "g-0", "snapshot": "d", "reached": {"qc/live": ["10.0.0.1:8080"]}, "of a newer agent": 1}
    assert client.post("/internal/gateway", json=report).status_code == 401
    ours = {"Authorization": f"Bearer {INTERNAL}"}
    assert client.post("/internal/gateway", json={"gateway": "", "reached": []}, headers=ours).status_code == 400
    assert client.post("/internal/gateway", json=report, headers=ours).status_code == 204
    [kept] = desk.store.list_reports()
    assert kept == GatewayReport("g-0", "d", {"qc/live": ("10.0.0.1:8080",)}, desk.clock.now())


def test_probes_say_whether_the_database_answers(anybody, desk, monkeypatch):
    """Kubernetes sends no requests to a web process that cannot work."""
    assert anybody.get("/livez").status_code == 200
    assert anybody.get("/readyz").status_code == 200

    def fail():
        raise errors.Unavailable("The database does not answer.")

    monkeypatch.setattr(desk.store, "find_wish_number", fail)
    assert anybody.get("/readyz").status_code == 503
    assert anybody.get("/livez").status_code == 200


def test_metrics_count_uploads_trials_and_deployments(client):
    """An operator sees how much is used, and what fails."""
    upload(client)
    upload(client, body=b"junk")
    client.post(f"{MODELS}/digits/versions/1/test", json={})
    client.post(LIVE, json=WISH)
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'airgate_web_uploads_total{outcome="ok"} 1.0',
        'airgate_web_uploads_total{outcome="bad_model"} 1.0',
        'airgate_web_trials_total{outcome="ok"} 1.0',
        'airgate_web_deployments{state="Waiting"} 1.0',
        'airgate_web_deployments{state="Ready"} 0.0',
    ):
        assert line in lines


def test_metrics_count_jobs_and_their_rows(client, desk):
    """An operator sees what waits, what failed, and how much work is done."""
    waits, runs, fails = (desk.store.add_job(make_job()).id for _ in range(3))
    desk.store.write_job_status(runs, JobStatus(JobState.RUNNING))
    desk.store.write_job_report(runs, make_job_report(rows=500))
    desk.store.write_job_report(fails, make_job_report(rows=20, error="Row 21: no.", ended=True))
    lines = client.get("/metrics").text.splitlines()
    found = {state: tuple(read_metric(lines, name, state) for name in ("jobs", "job_rows")) for state in JobState}
    nothing = dict.fromkeys(JobState, (0, 0))
    assert found == nothing | {
        JobState.WAITING: (1, 0),
        JobState.RUNNING: (1, 500),
        JobState.FAILED: (1, 20),
    }
    assert client.get("/api/v2/overview").json()["jobs"] == {"Waiting": 1, "Running": 1, "Failed": 1}
    desk.store.remove_job("qc", waits)
    assert read_metric(client.get("/metrics").text.splitlines(), "jobs", "Waiting") == 0


def read_metric(lines, name, state):
    """Return a figure of the web process by its state."""
    start = f'airgate_web_{name}{{state="{state}"}} '
    (line,) = [line for line in lines if line.startswith(start)]
    return float(line.removeprefix(start))


def test_every_refusal_has_a_status():
    """No refusal turns into an internal error."""
    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type)}
    assert codes <= STATUS.keys()


def test_a_mistake_of_ours_answers_json(desk, ada, monkeypatch):
    """Even what should not happen is said in the same form, without its inside."""

    def fail():
        raise KeyError("inside")

    monkeypatch.setattr(desk.store, "list_projects", fail)
    with TestClient(build_app(desk, INTERNAL), raise_server_exceptions=False) as client:
        answer = client.get("/api/v2/projects", headers={"Authorization": f"Bearer {start_session(desk, ada)}"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "KeyError" not in answer.text
