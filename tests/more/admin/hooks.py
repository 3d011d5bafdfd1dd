"""What no document can say: which cursors there are, and that a key of idempotency is used once."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Valid requests begin lists at their beginning, and have keys of their own."""
    mode = case.meta.generation.mode if case.meta is not None else None
    if mode is not None and not mode.is_positive:
        return
    if case.query:
        case.query.pop("cursor", None)
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
