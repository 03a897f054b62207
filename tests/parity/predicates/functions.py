"""Predicates about options that are functions, except masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.parity import functions
from tests.parity.predicates.findings import is_loss

if TYPE_CHECKING:
    from tests.parity.compare import Finding


def called_once(finding: Finding) -> bool:
    return finding.field.startswith("seen.calls.IDENTIFY_") and (finding.theirs, finding.ours) == (2, 1)


IDS = {"user_id": "IDENTIFY_USER", "company_id": "IDENTIFY_COMPANY", "session_token": "GET_SESSION_TOKEN"}


def id_as_text(finding: Finding) -> bool:
    if finding.exchange.name.startswith("function-") and finding.exchange.name.endswith("-bytes"):
        return is_loss(finding)
    is_other = finding.field in IDS and bool(finding.theirs) and not isinstance(finding.theirs, str)
    return is_other and bool(finding.ours == str(finding.theirs))


def false_id(finding: Finding) -> bool:
    is_result = IDS.get(finding.field) in finding.exchange.options
    return is_result and finding.theirs is not None and not finding.theirs and finding.ours is None


def id_too_long(finding: Finding) -> bool:
    is_long = IDS.get(finding.field) in finding.exchange.options and finding.theirs == "x" * 5000
    # A failed function gives no result, so the user comes from the credentials.
    return is_long and bool(finding.ours == ("bob" if finding.field == "user_id" else None))


def two_parameters(finding: Finding) -> bool:
    takes_two = functions.of_two_parameters in finding.exchange.options.values()
    return takes_two and finding.field in IDS and finding.ours == "from ann"


def input_readable_again(finding: Finding) -> bool:
    reads = functions.reading_the_body in finding.exchange.options.values()
    return reads and finding.field in IDS and (finding.theirs, finding.ours) == ("nothing to read", '{"user": "ann"}')


def metadata_is_an_object(finding: Finding) -> bool:
    return finding.field == "metadata" and not isinstance(finding.theirs, dict) and finding.ours is None


NO_JSON = tuple(f"function-metadata-{name}" for name in ("date", "decimal", "set", "bytes"))


def not_json(finding: Finding) -> bool:
    is_poisoned = finding.exchange.name.startswith(("batch-with-a-poisoned", "mask-that-adds-a-set", *NO_JSON))
    return is_poisoned and is_loss(finding)
