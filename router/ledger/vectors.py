"""The use that a request wants, needs at least, and had: vectors of the codec's five metrics."""

from router.domain import Charge, Estimate
from router.ledger.codec import ASK_SIZES, VECTOR


def wanted(estimate: Estimate) -> tuple[int, ...]:
    """The vector that a request wants: requests, tokens, input, output, pico-USD."""
    prompt, output = estimate.input_tokens, estimate.output_tokens
    return estimate.requests, prompt + output, prompt, output, estimate.cost_pico


def pack_estimate(estimate: Estimate, mark_bit: int) -> tuple[bytes, bytes]:
    """`mark_bit`, then what a request wants and what it needs at least; and what is charged if this
    gateway dies before any progress: its prompt as it is likely to be.

    An estimate that is not firm may be trimmed to a small limit, down to that and one token.
    """
    prompt, output, cost = estimate.input_tokens, estimate.output_tokens, estimate.cost_pico
    total, count = prompt + output, estimate.requests
    likely, likely_cost = estimate.likely_input, estimate.likely_cost_pico
    if not likely:
        likely, likely_cost = prompt, estimate.input_cost_pico
    crash = VECTOR.pack(count, likely, likely, 0, likely_cost)
    if estimate.firm:
        need = (count, total, prompt, output, cost)
        return ASK_SIZES.pack(mark_bit, count, total, prompt, output, cost, *need), crash
    return ASK_SIZES.pack(
        mark_bit, count, total, prompt, output, cost, count, likely + 1, likely, 1, likely_cost
    ), crash  # fmt: skip


def pack_charge(charge: Charge) -> bytes:
    """The vector that a request used. A request that failed unused does not count at all."""
    usage = charge.usage
    total = usage.input_tokens + usage.output_tokens
    counted = charge.requests if total or charge.outcome != "failed" else 0
    return VECTOR.pack(counted, total, usage.input_tokens, usage.output_tokens, charge.cost_pico)


def pack_more_output(tokens: int, estimate: Estimate) -> bytes:
    """More output than the hold covers, for a top-up, priced as the estimate was."""
    return VECTOR.pack(0, tokens, 0, tokens, tokens * output_price(estimate))


def output_price(estimate: Estimate) -> int:
    """Pico-USD that one more output token costs at most, going by an estimate."""
    more = estimate.cost_pico - estimate.input_cost_pico
    return -(-more // max(1, estimate.output_tokens))
