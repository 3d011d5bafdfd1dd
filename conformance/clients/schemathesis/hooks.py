"""What Schemathesis holds every answer to, and a count of what was answered."""

import atexit
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import schemathesis

MODEL = os.environ["CONFORMANCE_MODEL"]
FIELDS = {"message", "type", "param", "code"}
counted = defaultdict(Counter)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A model that is there: any other is a 404, and nothing else would be asked."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model", ""), str):
        case.body = case.body | {"model": MODEL}


@schemathesis.check
def no_server_error(ctx, response, case):
    """No request is answered by 500 or more. Counts, since every answer comes by."""
    counted[case.operation.label][f"{response.status_code // 100}xx"] += 1
    assert response.status_code < 500, f"{response.status_code}: {response.text[:300]}"


@schemathesis.check
def errors_are_openais(ctx, response, case):
    """An error is an object of OpenAI's shape, and says something."""
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    kind = response.headers.get("content-type", ["none"])[0]
    assert kind.startswith("application/json"), f"{response.status_code} in {kind}"
    error = json.loads(response.text)["error"]
    assert error.keys() >= FIELDS, f"{response.status_code} tells {sorted(error)}"
    assert error["message"], f"nothing is said: {error}"
    assert isinstance(error["type"], str), error
    assert all(isinstance(error[name], str | None) for name in ("param", "code")), error


@atexit.register
def keep():
    Path(os.environ["CONFORMANCE_COUNTS"]).write_text(json.dumps(counted))
