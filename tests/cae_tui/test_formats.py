import math

import pytest

from cae_tui import formats
from engine.protocol.states import STATES


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"), (0.0011, "0.0011"), (0.000954, "9.54e-04"), (0.00099996, "0.0010"), (0.0, "0.0000"),
        (2.3026, "2.3026"), (math.nan, "nan"), (math.inf, "inf"), (1.23e6, "1.23e+06"), (0.000996, "9.96e-04"),
    ],
)  # fmt: skip
def test_a_loss_is_written_in_the_reports_manner(value: float | None, written: str) -> None:
    assert formats.loss(value) == written


def test_durations_have_hours_only_where_there_are_some() -> None:
    assert [formats.duration(seconds) for seconds in (0, 7, 72, 3723, 59.6, -3, None, math.nan)] == [
        "0:00", "0:07", "1:12", "1:02:03", "1:00", "0:00", "–", "–",
    ]  # fmt: skip


def test_ages_have_one_unit() -> None:
    passed = (0, -5, 59, 60, 3599, 3600, 2 * 86400 - 1, 2 * 86400, 400 * 86400)
    assert [formats.ago(1000.0, 1000.0 + seconds) for seconds in passed] == [
        "now", "now", "now", "1 min", "59 min", "1 h", "47 h", "2 d", "400 d",
    ]  # fmt: skip


def test_large_numbers_are_short() -> None:
    assert [formats.big(number) for number in (0, 842, 999.6, 1500, 62_000, 999_600, 5.2e6, 1.25e9, None)] == [
        "0", "842", "1.0 k", "1.5 k", "62 k", "1.0 M", "5.2 M", "1.2 G", "–",
    ]  # fmt: skip
    assert [formats.size(number) for number in (12, 640e3, 52e6, 300e6, 12e9, None)] == [
        "12 B", "640 kB", "52 MB", "0.3 GB", "12 GB", "–",
    ]  # fmt: skip
    assert (formats.count(60000), formats.count(None)) == ("60,000", "–")
    assert (formats.percent(0.99583), formats.percent(0.614, 0), formats.percent(None)) == ("99.58 %", "61 %", "–")


def test_every_state_has_a_symbol_of_its_own_kind() -> None:
    assert all(formats.state_symbol(state)[0] != "·" for state in STATES)
    assert formats.state_symbol("something new")[0] == "·"


@pytest.mark.parametrize(("share", "text"), [(1.0, "100.00 %"), (119_999 / 120_000, "99.99 %"), (0.9961, "99.61 %")])
def test_no_share_is_told_as_a_hundred_per_cent_unless_it_is_one(share: float, text: str) -> None:
    assert formats.percent(share) == text
