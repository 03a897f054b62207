"""The corpora: which exchanges are played through which package, and the differences that are allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.parity import corpus, differences
from tests.parity.django import corpus as django_corpus
from tests.parity.django import differences as django_differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.parity.compare import Finding
    from tests.parity.differences import Difference
    from tests.parity.exchange import Exchange


@dataclass(frozen=True)
class Corpus:
    """The exchanges to compare with one replaced package."""

    package: str
    #: Module that plays the exchanges.
    driver: str
    exchanges: Sequence[Exchange]
    differences: Sequence[Difference]
    #: Minimum number of exchanges.
    minimum: int

    def explanations(self, finding: Finding) -> list[Difference]:
        """Return the differences that explain a finding."""
        return [difference for difference in self.differences if difference.explains(finding)]

    def __str__(self) -> str:
        return self.package


CORPORA = [
    Corpus("moesifwsgi", "tests.parity.drive", corpus.EXCHANGES, differences.DIFFERENCES, 200),
    Corpus("moesifdjango", "tests.parity.django.drive", django_corpus.EXCHANGES, django_differences.DIFFERENCES, 200),
]
