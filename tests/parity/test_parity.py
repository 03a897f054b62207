"""Our events are those of moesifwsgi 1.10.5 and moesifdjango 2.3.13, except for a list of differences.

Each corpus (tests/parity/corpus, tests/parity/django) is played through both packages, each in its own interpreter.
Every field of every event is compared, and everything that the server and the application see.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.collector import ROOT
from tests.parity.compare import Finding, findings
from tests.parity.corpora import CORPORA, Corpus

if TYPE_CHECKING:
    from tests.parity.conftest import Reports
    from tests.parity.differences import Difference
    from tests.parity.exchange import Exchange

each_corpus = pytest.mark.parametrize("corpus", CORPORA, ids=str)


@pytest.mark.parametrize(
    ("corpus", "exchange"),
    [
        pytest.param(corpus, exchange, id=f"{corpus}-{exchange.name}")
        for corpus in CORPORA
        for exchange in corpus.exchanges
    ],
)
def test_exchange_differs_only_as_listed(reports: Reports, corpus: Corpus, exchange: Exchange) -> None:
    report = reports.about(corpus)
    found = findings(exchange, report.theirs[exchange.name], report.ours[exchange.name])
    unexplained = [finding for finding in found if not corpus.explanations(finding)]
    assert not unexplained, "\n".join(map(str, unexplained))


@each_corpus
def test_no_difference_has_two_explanations(reports: Reports, corpus: Corpus) -> None:
    found = {
        str(finding): [difference.name for difference in differences]
        for finding, differences in reports.about(corpus).findings
    }
    assert {finding: names for finding, names in found.items() if len(names) > 1} == {}


@each_corpus
def test_no_difference_explains_a_wrong_value(reports: Reports, corpus: Corpus) -> None:
    explained = []
    report = reports.about(corpus)
    for exchange in corpus.exchanges:
        theirs = report.theirs[exchange.name].fields()
        for field in report.ours[exchange.name].fields():
            for value in ("something else", -1, None):
                finding = Finding(exchange, field, theirs.get(field), value)
                if value != finding.theirs:
                    explained += [(exchange.name, str(finding), found.name) for found in corpus.explanations(finding)]
    assert explained == []


@each_corpus
def test_every_difference_explains_a_finding(reports: Reports, corpus: Corpus) -> None:
    needed = {difference.name for _finding, differences in reports.about(corpus).findings for difference in differences}
    assert [difference.name for difference in corpus.differences if difference.name not in needed] == []


@pytest.mark.parametrize(
    "difference",
    [
        pytest.param(difference, id=f"{corpus}-{difference.name}")
        for corpus in CORPORA
        for difference in corpus.differences
    ],
)
def test_every_difference_cites_a_phrase_of_a_page(difference: Difference) -> None:
    page, place = difference.cites
    assert re.search(rf"(?<!\w){re.escape(place)}(?!\w)", (ROOT / page).read_text())


@each_corpus
def test_every_exchange_is_recorded_once_unless_skipped(reports: Reports, corpus: Corpus) -> None:
    report = reports.about(corpus)
    recorded = {exchange.name: len(report.ours[exchange.name].events) for exchange in corpus.exchanges}
    skipped = [name for name, count in recorded.items() if not count]
    assert all(name.startswith(("function-skip-", "option-skip")) for name in skipped)
    assert [name for name, count in recorded.items() if count > 1] == []


@each_corpus
def test_corpus_is_large_and_names_are_unique(corpus: Corpus) -> None:
    assert len(corpus.exchanges) >= corpus.minimum
    assert len({exchange.name for exchange in corpus.exchanges}) == len(corpus.exchanges)
