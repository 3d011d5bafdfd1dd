"""Which role the groups of an identity provider give."""

import pytest

from router.auth.grants import Grant, granted, groups_of
from router.auth.roles import Role

ROWS = (
    Grant("platform", Role.OWNER),
    Grant("finance", Role.BILLING),
    Grant("acme-admins", Role.OPERATOR, "acme"),
)


@pytest.mark.parametrize(
    ("groups", "row"),
    [
        ({"platform", "finance"}, ROWS[0]),
        ({"finance", "acme-admins"}, ROWS[1]),
        ({"acme-admins", "staff"}, ROWS[2]),
        ({"Platform", "platform "}, None),
        (set(), None),
    ],
)
def test_the_first_row_that_fits_gives_the_role(groups, row) -> None:
    assert granted(ROWS, groups) == row


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"groups": ["a", "b", 1, "", None, "x" * 257]}, {"a", "b"}),
        ({"groups": "a"}, {"a"}),
        ({"groups": {"a": True}}, set()),
        ({}, set()),
    ],
)
def test_groups_are_a_list_of_words_or_one_word(claims, groups) -> None:
    assert groups_of(claims, "groups") == groups


def test_a_claim_is_named_by_its_path_or_by_all_of_its_name() -> None:
    claims = {"realm_access": {"roles": ["a"]}, "https://id.example.com/groups": ["b"]}
    assert groups_of(claims, "realm_access.roles") == {"a"}
    assert groups_of(claims, "https://id.example.com/groups") == {"b"}
    assert groups_of(claims, "groups.roles.more") == set()
