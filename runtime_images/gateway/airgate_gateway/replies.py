"""What Envoy answers by itself: one sentence in JSON for a program, a page that comes back by itself for a person."""

from typing import Any

Json = dict[str, Any]

PREDICTIONS = "/api/v1/svc/"
CALLS = "/inference.GRPCInferenceService/"  # of gRPC, which carries one text and no JSON
HINT_CALL = "Name it in the call's metadata: airgate-deployment: PROJECT/DEPLOYMENT."
PATH_HEADERS = (":path", "x-envoy-original-path")  # the second once the route has cut the path down

# status -> (code, what is wrong and why, what to do instead), for calls of a deployment
SENTENCES: dict[int, tuple[str, str, str]] = {
    400: (
        "bad_request",
        "The gateway does not pass such a request on: %RESPONSE_CODE_DETAILS%.",
        "A slash in a path is sent as it is, not as %%2F; a backslash cannot be sent.",
    ),
    401: (
        "unauthenticated",
        "This deployment wants a token, and none came or it has expired: %LOCAL_REPLY_BODY%.",
        "Send it as 'Authorization: Bearer TOKEN'; make one on the deployment's page.",
    ),
    403: (
        "forbidden",
        "This token is not good here: it belongs to another deployment or was revoked.",
        "Make one on this deployment's page.",
    ),
    404: (
        "not_found",
        "No deployment has this address.",
        "The deployment's page shows its address: /api/v1/svc/PROJECT/DEPLOYMENT/predict.",
    ),
    503: (
        "unavailable",
        "No replica of this deployment is ready to answer.",
        "Its page says why; try again when it is Ready.",
    ),
    504: (
        "timeout",
        "The model did not answer within its deployment's timeout.",
        "Send fewer rows at once, ask for more CPU, or give the deployment a longer timeout.",
    ),
}

AWAY = "The console does not answer; deployed models go on answering meanwhile."
AWAY_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>Airgate is starting</title>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem;color:#101828">
<h1 style="font-size:22px">The console is starting</h1>
<p>Deployed models go on answering meanwhile. This page comes back by itself.</p></body></html>
"""


def find_replies() -> Json:
    """Return the local_reply_config of a connection manager."""
    mappers = [find_mapper(status, *texts) for status, texts in SENTENCES.items()]
    mappers += [find_call_mapper(status, *texts) for status, (_, *texts) in SENTENCES.items()]
    other = {"filter": find_status_filter(400, "GE"), "body_format_override": find_json("%LOCAL_REPLY_BODY%")}
    return {"mappers": [*mappers, *find_away_mappers(), other]}


def find_mapper(status: int, code: str, sentence: str, hint: str) -> Json:
    """Return the mapper of one status for calls of a deployment."""
    filters = [find_status_filter(status), {"or_filter": {"filters": list(map(find_path_filter, PATH_HEADERS))}}]
    return {
        "filter": {"and_filter": {"filters": filters}},
        "body_format_override": {"json_format": {"code": code, "error": sentence, "hint": hint}},
    }


def find_call_mapper(status: int, sentence: str, hint: str) -> Json:
    """Return the mapper of one status for calls by gRPC; what comes of it is the message of the call's status."""
    text = f"{sentence} {HINT_CALL if status == 404 else hint}"
    return {
        "filter": {"and_filter": {"filters": [find_status_filter(status), find_path_filter(":path", CALLS)]}},
        "body_format_override": {"text_format_source": {"inline_string": text}},
    }


def find_path_filter(header: str, prefix: str = PREDICTIONS) -> Json:
    """Return an access log filter that is true for a call of a deployment."""
    return {"header_filter": {"header": {"name": header, "string_match": {"prefix": prefix}}}}


def find_away_mappers() -> list[Json]:
    """Return the mappers for a console that is away: a page that looks again by itself, and JSON for programs."""
    wants_html = {"header": {"name": "accept", "string_match": {"contains": "text/html"}}}
    page = {"text_format_source": {"inline_string": AWAY_PAGE}, "content_type": "text/html; charset=utf-8"}
    text = {"code": "unavailable", "error": AWAY, "hint": "Try again in a few seconds."}
    return [
        {
            "filter": {"and_filter": {"filters": [find_status_filter(503), {"header_filter": wants_html}]}},
            "body_format_override": page,
        },
        {"filter": find_status_filter(503), "body_format_override": {"json_format": text}},
    ]


def find_status_filter(status: int, operator: str = "EQ") -> Json:
    """Return an access log filter that is true for one status, or with "GE" for it and those above."""
    value = {"default_value": status, "runtime_key": f"airgate.reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def find_json(text: str) -> Json:
    """Return the body of every other refusal."""
    return {"json_format": {"code": "gateway", "error": text, "status": "%RESPONSE_CODE%"}}
