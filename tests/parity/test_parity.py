"""Whoever changes from moesifwsgi 1.10.5 finds the same events, but for a list of differences with their reasons.

The corpus (tests/parity/corpus) is played through both packages, each in an interpreter of its own, and every field of
every event, and everything the server and the application saw, is compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.parity.compare import Finding, findings
from tests.parity.conftest import Report, explanations
from tests.parity.corpus import EXCHANGES
from tests.parity.differences import DIFFERENCES, Difference

if TYPE_CHECKING:
    from tests.parity.exchange import Exchange


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.name)
def test_an_exchange_differs_only_where_the_list_says_so(report: Report, exchange: Exchange) -> None:
    found = findings(exchange, report.theirs[exchange.name], report.ours[exchange.name])
    unexplained = [finding for finding in found if not explanations(finding)]
    assert not unexplained, "\n".join(map(str, unexplained))


def test_no_difference_has_two_explanations(report: Report) -> None:
    found = {str(finding): [difference.name for difference in differences] for finding, differences in report.findings}
    assert {finding: names for finding, names in found.items() if len(names) > 1} == {}


def test_what_is_not_right_is_not_explained(report: Report) -> None:
    explained = []
    for exchange in EXCHANGES:
        theirs = report.theirs[exchange.name].fields()
        for field in report.ours[exchange.name].fields():
            for value in ("something else", -1, None):
                finding = Finding(exchange, field, theirs.get(field), value)
                if value != finding.theirs:
                    explained += [(exchange.name, str(finding), found.name) for found in explanations(finding)]
    assert explained == []


def test_every_entry_of_the_list_explains_something(report: Report) -> None:
    needed = {difference.name for _finding, differences in report.findings for difference in differences}
    assert [difference.name for difference in DIFFERENCES if difference.name not in needed] == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_every_entry_cites_what_it_rests_on(difference: Difference) -> None:
    page, place = difference.cites
    assert re.search(rf"(?<!\w){re.escape(place)}(?!\w)", (ROOT / page).read_text())


def test_we_record_every_exchange_once_unless_it_is_skipped(report: Report) -> None:
    recorded = {exchange.name: len(report.ours[exchange.name].events) for exchange in EXCHANGES}
    skipped = [name for name, count in recorded.items() if not count]
    assert all(name.startswith("function-skip-") for name in skipped)
    assert [name for name, count in recorded.items() if count > 1] == []


def test_the_corpus_is_large_and_its_names_are_unique() -> None:
    assert len(EXCHANGES) >= 200
    assert len({exchange.name for exchange in EXCHANGES}) == len(EXCHANGES)
