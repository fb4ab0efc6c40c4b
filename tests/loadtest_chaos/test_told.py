"""The journal folded: what stays in doubt, and which tellings contradict each other."""

from __future__ import annotations

import pytest

from loadtest.chaos.records import Doubt, Refused
from loadtest.chaos.told import PLACE, Told
from tests.loadtest_chaos.books import told


def doubt(command: str = PLACE, *, at: float = 2, request: str = "r1", order: str = "") -> Doubt:
    return Doubt(at, "ann", command, request, order)


def refused(code: str, command: str = PLACE, *, request: str = "r1", order: str = "") -> Refused:
    return Refused(30, "ann", command, request, order, code)


class TestForward:
    def test_version_after_version(self) -> None:
        heard = Told([told(), told(2, "paid", at=20, sent=15), told(2, "paid", at=21, sent=None)])
        assert heard.contradictions == []
        assert heard.orders["00-a"].versions == {1: "reserved", 2: "paid"}

    def test_an_answer_older_than_what_was_known_when_asking(self) -> None:
        heard = Told([told(2, "paid", at=20, sent=15), told(1, at=30, sent=25)])
        assert heard.contradictions == [
            "order 00-a: was at version 2, and an answer to a later question says 1"
        ]

    def test_an_answer_that_was_overtaken(self) -> None:
        """Asked before the news came: the answer may be the older one."""
        assert Told([told(2, "paid", at=20, sent=None), told(1, at=30, sent=18)]).contradictions == []

    def test_pushed_backwards(self) -> None:
        heard = Told([told(3, "refunding", sent=None), told(2, "paid", sent=None)])
        assert heard.contradictions == ["order 00-a: version 2 was pushed behind version 3"]

    def test_another_socket_begins_anew(self) -> None:
        heard = Told([told(3, "refunding", sent=None), told(2, "paid", sent=None, socket=2)])
        assert heard.contradictions == []

    def test_one_version_with_two_statuses(self) -> None:
        heard = Told([told(2, "paid"), told(2, "expired")])
        assert heard.contradictions == ["order 00-a: version 2 was told as paid, then as expired"]

    def test_another_price(self) -> None:
        heard = Told([told(), told(2, "paid", amount=300)])
        assert heard.contradictions == ["order 00-a: amount was told as 200, then as 300"]

    def test_told_to_somebody_else(self) -> None:
        assert len(Told([told(), told(user="bob")]).contradictions) == 1

    @pytest.mark.parametrize(
        "lost",
        [
            refused("not_found", "order.get", request="", order="00-a"),
            refused("not_found", "order.get"),
            refused("not_found", "order.pay", request="", order="00-a"),
        ],
    )
    def test_known_then_not_found(self, lost: Refused) -> None:
        assert len(Told([told(), lost]).contradictions) == 1

    def test_not_found_before_it_was_known(self) -> None:
        assert Told([refused("not_found", "order.get"), told()]).contradictions == []


class TestDoubts:
    def test_a_request_is_resolved_by_its_order(self) -> None:
        heard = Told([doubt(), told()])
        assert (heard.doubts, heard.resolved, heard.unanswered) == (1, 1, [])

    def test_a_request_is_resolved_by_a_refusal(self) -> None:
        heard = Told([doubt(), refused("sold_out")])
        assert (heard.resolved, heard.unanswered) == (1, [])

    @pytest.mark.parametrize("code", ["unavailable", "rate_limited"])
    def test_who_did_not_look_resolves_nothing(self, code: str) -> None:
        assert Told([doubt(), refused(code)]).unanswered == [("ann", "r1")]

    def test_not_found_is_no_outcome_of_a_request(self) -> None:
        assert Told([doubt(), refused("not_found", "order.get")]).unanswered == [("ann", "r1")]

    def test_doubts_about_one_request_count_each(self) -> None:
        heard = Told([doubt(), doubt(at=3), told()])
        assert (heard.doubts, heard.resolved) == (2, 2)

    def test_a_command_on_an_order_is_resolved_by_an_answer_about_it(self) -> None:
        asked = doubt("order.pay", request="", order="00-a")
        assert Told([told(), asked]).unanswered == [("ann", "00-a")]
        assert Told([told(), asked, told(2, "paid", sent=None)]).unanswered == [("ann", "00-a")]
        heard = Told([told(), asked, asked, told(2, "paid", sent=25)])
        assert (heard.unanswered, heard.resolved) == ([], 2)
