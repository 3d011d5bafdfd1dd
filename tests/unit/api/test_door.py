"""The door: whom it lets in, whom it asks to wait, and what it remembers of them."""

import logging
from ipaddress import ip_network
from itertools import count

import pytest

from router.api.addresses import customer_at, customer_behind
from router.api.door import Door, DoorLimits

PROXY = ip_network("10.0.0.0/8")
TRUSTED = (PROXY, ip_network("127.0.0.1/32"))
STRANGER = "203.0.113.7"


class Clock:
    """A clock that goes when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _door(clock: Clock | None = None, descriptors: int = 1000, **limits) -> Door:
    return Door(DoorLimits(**limits), clock or Clock(), lambda: descriptors)


def test_as_many_come_in_as_the_operator_allows_and_more_once_some_left():
    door = _door(most=2)
    assert [door.enter("127.0.0.1", 5) for _ in range(2)] == [None, None]
    refusal = door.enter("127.0.0.1", 5)
    assert refusal.status == 503
    assert dict(refusal.headers)["retry-after"]
    door.leave("127.0.0.1")
    assert door.enter("127.0.0.1", 5) is None
    assert door.turned_away == {"full": 1}


def test_one_address_has_its_share_and_takes_nothing_from_another():
    door = _door(each_address=3)
    assert [door.enter(STRANGER, 5) for _ in range(3)] == [None] * 3
    refusal = door.enter(STRANGER, 5)
    assert (refusal.status, refusal.type) == (429, "connections")
    assert door.enter("203.0.113.8", 5) is None
    door.leave(STRANGER)
    assert door.enter(STRANGER, 5) is None


def test_all_addresses_of_an_ipv6_customer_are_one():
    door = _door(each_address=1)
    assert door.enter("2001:db8:1:2::1", 5) is None
    assert door.enter("2001:db8:1:2:ffff::9", 5) is not None
    assert door.enter("2001:db8:1:3::1", 5) is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.1.2.3", "::ffff:127.0.0.1", ""])
def test_this_machine_and_proxies_of_the_operator_bring_many(peer):
    door = _door(each_address=1, trusted_proxies=(PROXY,))
    assert [door.enter(peer, 5) for _ in range(20)] == [None] * 20


def test_nothing_is_remembered_of_connections_that_ended():
    door = _door()
    for number in range(500):
        peer = f"198.51.{number // 250}.{number % 250}"
        door.enter(peer, 5)
        door.leave(peer)
    assert door.inside == 0
    assert not door._of


def test_clients_are_refused_before_descriptors_run_out_and_it_is_told_once(caplog):
    clock = Clock()
    door = _door(clock, descriptors=100)
    with caplog.at_level(logging.ERROR):
        assert door.enter("127.0.0.1", 74) is None
        for _ in range(50):
            assert door.enter("127.0.0.1", 75).status == 503
        assert door.enter("127.0.0.1", 20) is None  # as soon as there are some
        [told] = caplog.messages
        assert "ulimit -n" in told
        clock.now = 120.0
        door.enter("127.0.0.1", 75)  # another day
        assert len(caplog.messages) == 2
    assert door.turned_away == {"descriptors": 51}


def test_an_address_that_sends_wrong_keys_has_to_wait_and_is_heard_again(caplog):
    clock = Clock()
    door = _door(clock, wrong_keys=60)
    assert [door.wrong_key(STRANGER) for _ in range(60)] == [None] * 60
    refusal = door.wrong_key(STRANGER)
    assert (refusal.status, refusal.code) == (429, "rate_limit_exceeded")
    assert 0 < int(dict(refusal.headers)["retry-after-ms"]) <= 1001
    assert [door.wrong_key(STRANGER) is None for _ in range(100)] == [False] * 100
    assert door.wrong_key("203.0.113.8") is None
    clock.now = 1.0  # one a second at sixty a minute, however many were refused meanwhile
    assert door.wrong_key(STRANGER) is None
    assert door.wrong_key(STRANGER) is not None
    assert len(caplog.messages) == 1


def test_addresses_that_sent_wrong_keys_are_remembered_within_bounds():
    door = _door()
    for number in range(30_000):
        door.wrong_key(f"2001:db8:{number // 65_000:x}:{number % 65_000:x}::1")
    assert len(door._wrong) == 10_000


def test_wrong_keys_from_this_machine_are_answered_as_ever():
    door = _door(wrong_keys=1)
    assert [door.wrong_key("127.0.0.1") for _ in range(20)] == [None] * 20
    assert [_door(wrong_keys=0).wrong_key(STRANGER) for _ in range(20)] == [None] * 20


def test_behind_a_proxy_each_client_is_counted_by_what_the_proxy_says_of_it():
    door = _door(wrong_keys=2, trusted_proxies=(PROXY,))
    clients = [b"203.0.113.%d" % number for number in range(20)]
    assert [door.wrong_key("10.0.0.1", client) for client in clients] == [None] * 20
    assert [door.wrong_key("10.0.0.1", clients[0]) is None for _ in range(2)] == [True, False]


def test_what_a_client_says_of_its_address_itself_gives_it_no_other_one():
    door = _door(wrong_keys=3, trusted_proxies=(PROXY,))
    said = (b"8.8.%d.8, 203.0.113.7" % number for number in count())
    assert [door.wrong_key("10.0.0.1", next(said)) is None for _ in range(6)].count(True) == 3
    spoofed = (b"8.8.%d.8" % number for number in count())
    assert [door.wrong_key(STRANGER, next(spoofed)) is None for _ in range(6)].count(True) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "customer"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.7, 10.9.9.9", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", '"[2001:db8::1]:4711"', "2001:db8::/64"),
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "1.1.1.1, unknown", None),
        ("10.0.0.1", "", None),
        ("10.0.0.1", "10.2.2.2, 10.3.3.3", None),
        ("10.0.0.1", "1.1.1.1," + "10.0.0.9," * 10_000, None),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "203.0.113.7", "203.0.113.9"),
        ("", "203.0.113.7", None),
    ],
)
def test_the_address_behind_proxies_is_the_last_that_none_of_them_has(peer, forwarded, customer):
    assert customer_behind(peer, forwarded, TRUSTED) == customer


def test_an_address_with_a_zone_is_counted_without_it():
    assert customer_at("fe80::1%eth0", ()) == "fe80::/64"
