from __future__ import annotations

import math
from pathlib import Path

import pytest

from loadtest.thresholds import DEFAULT_FILE, ThresholdError, load
from loadtest.verdict import Goal, Status, decide

LENIENT = Path(__file__).with_name("lenient.toml")
FINE: dict[str, float | None] = {
    "order.p99_ms": 20.0,
    "delivery.p99_ms": 30.0,
    "errors.rate": 0.0,
    "loss.events": 0.0,
    "audit.problems": 0.0,
    "generator.lateness_p99_ms": 2.0,
}


def test_the_default_holds_the_server_to_its_promises() -> None:
    limits = load()
    assert (limits.order.p99_ms, limits.delivery.p99_ms, limits.skew.p99_ms) == (80, 80, 150)
    assert limits.errors.rate == 0.00001
    assert (limits.sales.oversold, limits.loss.events, limits.audit.problems) == (0, 0, 0)


def test_a_file_changes_what_it_names_and_an_option_goes_last() -> None:
    limits = load(str(LENIENT), ["order.p99_ms=5", "loss.viewers = 3"])
    assert (limits.order.p99_ms, limits.loss.viewers) == (5, 3)
    assert math.isinf(limits.delivery.p99_ms)
    assert limits.errors == load().errors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[order]\np99_ms = 'fast'\n", "Expected `float`, got `str` - at `order.p99_ms`"),
        ("[order]\np99_ms = -1\n", "Expected `float` >= 0.0 - at `order.p99_ms`"),
        ("[order]\np95_ms = 3\n", "Object contains unknown field `p95_ms` - at `order`"),
        ("[orders]\np99_ms = 3\n", "Object contains unknown field `orders`"),
        ("order = 3\n", "Expected `object`, got `int` - at `order`"),
        ("[order\n", "not TOML: "),
    ],
)
def test_a_bad_file_names_itself_and_the_field(tmp_path: Path, text: str, said: str) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(text)
    with pytest.raises(ThresholdError) as caught:
        load(str(bad))
    assert str(caught.value).startswith(f"{bad}: {said}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("order.p99_ms", "expected SECTION.FIELD=VALUE"),
        ("p99_ms=4", "expected SECTION.FIELD=VALUE"),
        ("order.p99_ms=fast", "expected a number for order.p99_ms, got 'fast'"),
        ("order.p50_ms=4", "Object contains unknown field `p50_ms` - at `order`"),
        ("order.p99_ms=nan", "Expected `float` >= 0.0 - at `order.p99_ms`"),
    ],
)
def test_a_bad_option_says_what_is_wrong_with_it(change: str, said: str) -> None:
    with pytest.raises(ThresholdError) as caught:
        load(None, [change])
    assert str(caught.value) == f"--threshold {change}: {said}"


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ThresholdError, match=r"nowhere\.toml: No such file"):
        load("nowhere.toml")
    assert DEFAULT_FILE.exists()


def test_what_holds_every_limit_passes() -> None:
    verdict = decide(load(), FINE)
    assert (verdict.status, verdict.exit_code, verdict.reasons) == (Status.PASSED, 0, [])
    assert next(goal for goal in verdict.goals if goal.name == "paid.p99_ms").held


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("order.p99_ms", 80.5, "order.p99_ms: order tapped to answered, p99 is 80.5 ms, the limit is 80 ms"),
        (
            "delivery.p99_ms",
            281.0,
            "delivery.p99_ms: danmaku published to received, p99 is 281 ms, the limit is 80 ms",
        ),
        ("errors.rate", 0.00002, "errors.rate: failed requests of all requests is 2e-05, the limit is 1e-05"),
        ("sales.oversold", 1.0, "sales.oversold: units sold that did not exist is 1, the limit is 0"),
        (
            "audit.problems",
            2.0,
            "audit.problems: differences between clients and ledger is 2, the limit is 0",
        ),
    ],
)
def test_each_broken_limit_is_one_line(name: str, value: float, line: str) -> None:
    verdict = decide(load(), {**FINE, name: value})
    assert (verdict.status, verdict.exit_code, verdict.reasons) == (Status.FAILED, 1, [line])


def test_a_problem_fails_a_run_by_itself() -> None:
    verdict = decide(load(), FINE, ["swarm 1 ended with code -9"])
    assert (verdict.status, verdict.reasons) == (Status.FAILED, ["swarm 1 ended with code -9"])


def test_a_run_that_the_generator_limited_is_no_pass() -> None:
    slow = {**FINE, "generator.lateness_p99_ms": 51.0}
    verdict = decide(load(), slow)
    assert (verdict.status, verdict.exit_code, verdict.reasons) == (Status.GENERATOR_LIMITED, 1, [])
    assert verdict.limits == [
        "generator.lateness_p99_ms: arrivals sent late, p99 is 51 ms, the limit is 50 ms"
    ]
    assert decide(load(), {**slow, "order.p99_ms": 900.0}).status is Status.GENERATOR_LIMITED


@pytest.mark.parametrize("name", ["audit.problems", "loss.events", "sales.oversold", "errors.rate"])
def test_a_slow_generator_excuses_no_loss(name: str) -> None:
    verdict = decide(load(), {**FINE, "generator.lateness_p99_ms": 51.0, name: 1.0})
    assert verdict.status is Status.FAILED


def test_a_limit_that_is_off_is_held() -> None:
    assert Goal("x", "x", 1e12, math.inf).held
    assert Goal("x", "x", 3.0, 3.0).held
    assert not Goal("x", "x", math.nan, 3.0).held
