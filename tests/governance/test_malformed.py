"""No rules and no configuration, however malformed, make an error of a request (docs/guarantees.md, I-29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import RunProgram
    from tests.recorder import Recorder


def test_documents_never_make_an_error_of_a_request(recorder: Recorder, run_program: RunProgram) -> None:
    ended = run_program("from tests.governance.fuzz import main; main()", to=recorder, FLUSH_TIMEOUT=0)
    assert ended.code == 0, ended.errors
    # Some of them did what rules do.
    assert {"200", "402", "403"} <= set(ended.output.split()), ended.output
