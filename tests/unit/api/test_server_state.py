"""The date of answers, made when one is sent."""

from router.api.server_state import DatedState

NOW = 1_790_000_000.0


def test_an_answer_says_the_second_in_which_it_is_sent():
    clock = [NOW]
    state = DatedState(lambda: clock[0])
    assert state.default_headers == [(b"date", b"Mon, 21 Sep 2026 14:13:20 GMT")]
    clock[0] += 1.0
    assert state.default_headers == [(b"date", b"Mon, 21 Sep 2026 14:13:21 GMT")]


def test_the_headers_of_one_second_are_one_list():
    clock = [NOW]
    state = DatedState(lambda: clock[0])
    first = state.default_headers
    clock[0] += 0.9
    assert state.default_headers is first


def test_what_the_server_adds_comes_after_the_date():
    state = DatedState(lambda: NOW)
    state.default_headers = [(b"server", b"x")]
    assert [name for name, _ in state.default_headers] == [b"date", b"server"]
