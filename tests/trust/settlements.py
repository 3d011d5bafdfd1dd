"""Settlements for the spool, as a gateway makes them."""

from router.ledger import codec
from router.ledger.keys import HoldIds, shard
from router.ledger.quotas.compiled_quotas import CompiledQuotas
from router.ledger.quotas.dimensions import quotas
from router.ledger.reserve_call import ReserveCall
from router.ledger.settlement import Settlement

IDS = HoldIds(64)
QUOTAS = quotas({"key": {"tokens_per_day": 10_000}})


def settlement(used: int = 30, *, local: bool = True) -> Settlement:
    """One that used so many tokens; `local`: the ledger does not know of its hold."""
    hold_id = IDS.new(1_700_000_000_000, 7)
    call = None
    if local:
        keys = (b"lg:{v07}:h", b"lg:{v07}:t", "lg:{v07}:d:1", "lg:{v07}:s:k:acme/key1")
        body = b"\0" * codec.BODY_BYTES + b"\xff\n\0a plan"
        call = ReserveCall(keys, (hold_id, b"\x01\n\xff", body), CompiledQuotas(QUOTAS, ["key"]))
    vector = codec.VECTOR.pack(1, used, used, 0, 0)
    return Settlement(shard(7), hold_id, "completed", vector, b'{"model": "m\xe2\x80\xa8"}', call)
