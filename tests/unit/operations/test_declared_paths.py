"""Which requests are of an operation that the operator declared, and how they go on."""

import pytest

from router.ask import Ask
from router.operations.declared import DeclaredOperation, DeclaredPaths, clashes, is_path
from router.operations.operation import Operation
from router.protocols.declared import Sending, TokenPointers

READ = DeclaredOperation("read", ("/v1/ocr", "/v1/ocr/{job}"), "auto", ("GET",))
WRITE = DeclaredOperation("write", ("/v1/ocr",), "auto", count_bytes=True)
PAGES = DeclaredOperation(
    "pages", ("/jobs/{job}/pages/{page}",), "auto", ("GET",), to="/p/{page}/of/{job}"
)
PATHS = DeclaredPaths([READ, WRITE, PAGES])


def row(path: bytes, method: bytes = b"GET", query: bytes = b"") -> Operation:
    found = PATHS.at(path, query, method)
    assert found is not None
    return found


def asked(path: bytes, raw: bytes = b"", method: bytes = b"GET", query: bytes = b"") -> Ask:
    return row(path, method, query).parse(raw, {b"content-type": b"image/png", b"cookie": b"x"})


def sent(path: bytes, method: bytes = b"GET", query: bytes = b"") -> Sending:
    sending: Sending = asked(path, method=method, query=query).declared
    return sending


def test_a_path_and_its_method_say_which_operation_it_is() -> None:
    assert [row(b"/v1/ocr", method).name for method in (b"GET", b"POST")] == ["read", "write"]
    assert row(b"/v1/ocr/7").path == "/v1/ocr/{job}"
    assert row(b"/v1/ocr", b"PUT").methods == (b"GET", b"POST")


@pytest.mark.parametrize(
    "path",
    [
        *(b"/v1/ocr/", b"/v1//ocr", b"//v1/ocr", b"/v1/ocr//7", b"/v1/ocr/7/8", b"/V1/ocr"),
        *(b"/v1/ocr/..", b"/v1/ocr/.", b"/v1/ocr/%2e%2e", b"/v1/ocr/%2E", b"/v1/ocr/a%2fb"),
        *(b"/v1/ocr/a%5Cb", b"/v1/ocr/%252e", b"/v1/ocr/%00", b"/v1/ocr/%0d%0aX", b"/v1/ocr/a;b"),
        *(b"/v1/ocr/%zz", b"/v1/ocr/\xff", b"/v1/ocr/a\\b", b"/v1/ocr/../ocr", b"/v1/x/../ocr"),
        *(b"/jobs/../pages/1", b"/jobs/1/pages/..", b"/v1/ocr/" + b"x" * 513, b"/v1/%6fcr"),
        *(b"/v1/ocr/a\n", b"/v1/ocr/a b"),
    ],
)
def test_no_other_path_is_asked_however_it_is_written(path: bytes) -> None:
    assert PATHS.at(path, b"", b"GET") is None


@pytest.mark.parametrize("value", [b"7", b"a.b", b"...", b"x%20y", b"%C3%A9", b"a:b@c", b"..a"])
def test_a_parameter_goes_on_as_it_came(value: bytes) -> None:
    assert sent(b"/v1/ocr/" + value).path == "/ocr/" + value.decode()


def test_a_path_below_v1_is_asked_below_the_base_address_and_others_below_the_root() -> None:
    assert sent(b"/v1/ocr", query=b"a=1&b=%2e") == Sending("GET", "/ocr", "a=1&b=%2e")
    outside = DeclaredPaths([DeclaredOperation("x", ("/api/tags",), "auto")])
    found = outside.at(b"/api/tags", b"", b"POST")
    assert found is not None
    assert found.parse(b"", {}).declared == Sending("POST", "/api/tags", at_root=True)


def test_another_path_at_the_backend_takes_parameters_by_their_names() -> None:
    assert sent(b"/jobs/7/pages/2") == Sending("GET", "/p/2/of/7")


def test_a_request_is_counted_as_one_and_by_its_bytes_where_that_is_wanted() -> None:
    assert asked(b"/v1/ocr").units == (("request", 1),)
    assert asked(b"/v1/ocr", b"12345", b"POST").units == (("request", 1), ("byte", 5))


def test_its_body_passes_unread_and_only_headers_that_servers_need_go_along() -> None:
    ask = asked(b"/v1/ocr", b"\x89PNG", b"POST")
    assert (ask.raw, ask.model, ask.operation) == (b"\x89PNG", "auto", "write")
    assert ask.headers == (("content-type", "image/png"),)


def test_a_body_that_nobody_can_read_counts_as_private_and_texts_are_shown_to_detectors() -> None:
    assert "tokens" in asked(b"/v1/ocr", b"\x89\xff", b"POST").features
    ask = asked(b"/v1/ocr", "é a@b.example".encode(), b"POST", b"who=me")
    assert not ask.features
    assert ask.texts() == ["é a@b.example", "/ocr", "who=me"]


def test_tokens_are_held_for_where_answers_tell_them() -> None:
    tokens = TokenPointers(("usage", "in"), ("usage", "out"))
    paths = DeclaredPaths([DeclaredOperation("x", ("/x",), "auto", tokens=tokens)])
    found = paths.at(b"/x", b"", b"POST")
    assert found is not None
    ask = found.parse(b"12345678", {})
    assert (ask.text_bytes, ask.max_output_tokens) == (8, None)
    assert (asked(b"/v1/ocr").text_bytes, asked(b"/v1/ocr").max_output_tokens) == (0, 0)


def test_errors_below_anthropics_path_are_in_its_words() -> None:
    paths = DeclaredPaths([DeclaredOperation("b", ("/v1/messages/batches",), "auto")])
    found = paths.at(b"/v1/messages/batches", b"", b"POST")
    assert found is not None
    assert (found.protocol, found.names_request) == ("declared_message", True)
    assert (row(b"/v1/ocr").protocol, row(b"/v1/ocr").names_request) == ("declared", False)


@pytest.mark.parametrize("path", ["/v1/ocr", "/a/{b}/c.d", "/x:run", "/~a/_b-c"])
def test_plain_segments_and_parameters_may_be_declared(path: str) -> None:
    assert is_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "v1",
        "/",
        "/a/",
        "//a",
        "/a//b",
        "/..",
        "/a/./b",
        "/a%20b",
        "/a{b}",
        "/{A}",
        "/a?b",
        "/é",
    ],
)
def test_nothing_else_may(path: str) -> None:
    assert not is_path(path)


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("/a/{x}", "GET"), ("/a/{y}", "GET"), True),
        (("/a/{x}", "GET"), ("/a/{y}", "POST"), False),
        (("/a", "GET"), ("/a", "GET"), True),
        (("/a/b", "GET"), ("/a/{y}", "GET"), False),
        (("/a/{x}/c", "GET"), ("/a/b/{y}", "POST"), True),
        (("/a/{x}", "GET"), ("/b/{x}", "GET"), False),
    ],
)
def test_two_operations_that_one_request_could_mean_are_told(
    first: tuple[str, str], second: tuple[str, str], clash: bool
) -> None:
    operations = [
        DeclaredOperation(name, (path,), "auto", (method,))
        for name, (path, method) in (("one", first), ("two", second))
    ]
    assert list(clashes(operations)) == ([("two", second[0], first[0])] if clash else [])
