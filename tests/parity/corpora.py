"""What is played through which pair of packages, and in what ways the recordings may differ."""

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
    """The exchanges of one package."""

    package: str
    #: The module that plays them.
    driver: str
    exchanges: Sequence[Exchange]
    differences: Sequence[Difference]
    #: How many there are at least.
    least: int

    def explanations(self, finding: Finding) -> list[Difference]:
        return [difference for difference in self.differences if difference.explains(finding)]

    def __str__(self) -> str:
        return self.package


CORPORA = [
    Corpus("moesifwsgi", "tests.parity.drive", corpus.EXCHANGES, differences.DIFFERENCES, 200),
    Corpus("moesifdjango", "tests.parity.django.drive", django_corpus.EXCHANGES, django_differences.DIFFERENCES, 200),
]
