"""How a settlement stands on a line of the spool.

A line ends with the checksum (CRC-32) of what stands before it, so that one of which a part was
lost, or that is two halves of others, is known. Lines of older versions have none and count where
they are whole by every other sign.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final
from zlib import crc32

import orjson

from router.ledger.codec import BODY_BYTES, VECTOR
from router.ledger.keys import hold_shard, shard
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import Options, Quota
from router.ledger.reserve_call import ReserveCall
from router.ledger.server.connection import CommandPart
from router.ledger.settlement import Settlement

_SUM: Final = b',"crc":'
_FIELDS: Final = {"shard", "hold_id", "status", "used", "payload", "reserve"}
_HOLD_ID: Final = re.compile(r"[0-9a-f]{28}")
_LONGEST_STATUS: Final = 255  # its length is a byte of the row


class OddLine(ValueError):
    """A line that holds no settlement of ours."""


def write_line(settlement: Settlement) -> bytes:
    """The line of one settlement, with its end."""
    call = settlement.reserve
    reserve = None
    if call is not None:
        reserve = {
            "keys": [_text(part) for part in call.keys],
            "args": [_text(part) for part in call.args],
            "quotas": [asdict(quota) for quota in call.quotas.quotas],
            "levels": call.quotas.levels,
        }
    body = orjson.dumps(
        {
            "shard": settlement.shard.number,
            "hold_id": settlement.hold_id,
            "status": settlement.status,
            "used": base64.b64encode(settlement.used).decode(),
            "payload": settlement.payload.decode(),
            "reserve": reserve,
        }
    )
    return b"%b%b%d}\n" % (body[:-1], _SUM, crc32(body))


def read_lines(raw: bytes) -> Iterator[tuple[bytes, Settlement | None]]:
    """Each line of a file that is not empty, and the settlement on it; None where there is none."""
    for line in raw.split(b"\n"):
        if line:
            try:
                yield line, read_line(line)
            except OddLine:
                yield line, None


def read_line(line: bytes) -> Settlement:
    """The settlement on a line. Raises OddLine for whatever is not one, to its last byte."""
    body, mark, checksum = line.rpartition(_SUM)
    if mark and checksum != b"%d}" % crc32(body + b"}"):
        raise OddLine("its checksum is another")
    try:
        fields = orjson.loads(body + b"}" if mark else line)
        if set(fields) != _FIELDS:
            raise OddLine("it has other fields")
        return _settlement(fields)
    # What is not ours may be anything: null, a list, a mapping with other keys, a number too large.
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise OddLine(type(error).__name__) from None


def _settlement(line: dict[str, Any]) -> Settlement:
    hold_id, status, used = line["hold_id"], line["status"], base64.b64decode(line["used"])
    if not _HOLD_ID.fullmatch(hold_id) or len(used) != VECTOR.size:
        raise OddLine("no hold of ours")
    if hold_shard(hold_id) != line["shard"] or len(status.encode()) > _LONGEST_STATUS:
        raise OddLine("no settlement of ours")
    reserve = line["reserve"]
    call = None if reserve is None else _reserve(reserve, hold_id)
    return Settlement(shard(line["shard"]), hold_id, status, used, line["payload"].encode(), call)


def _reserve(reserve: dict[str, Any], hold_id: str) -> ReserveCall:
    quotas = tuple(
        Quota(q["level"], q["dimension"], q["limit"], Options(**q["options"]))
        for q in reserve["quotas"]
    )
    keys, args = _parts(reserve["keys"]), _parts(reserve["args"])
    if args[0] != hold_id or not isinstance(args[2], bytes) or len(args[2]) < BODY_BYTES:
        raise OddLine("another hold's call")
    return ReserveCall(keys, args, CompiledQuotas(quotas, reserve["levels"]))


def _text(part: CommandPart) -> str | int | list[str]:
    if isinstance(part, bytes):
        return [base64.b64encode(part).decode()]
    return part


def _parts(raw: list[Any]) -> tuple[Any, ...]:
    parts = tuple(base64.b64decode(part[0]) if isinstance(part, list) else part for part in raw)
    if not all(isinstance(part, bytes | str | int) for part in parts):
        raise OddLine("a call of other parts")
    return parts
