"""docs/migrating.md lists every difference from the replaced packages, and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from moesif.django.middleware import MoesifMiddleware as DjangoMiddleware
from moesifwsgi import MoesifMiddleware
from tests.collector import ROOT
from tests.parity import differences, functions
from tests.parity.behaviours import BEHAVIOURS
from tests.parity.django import differences as django_differences
from tests.parity.outgoing import differences as outgoing_differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.collector import Nowhere
    from tests.conftest import RunProgram
    from tests.outgoing.api import Api

PAGE = (ROOT / "docs" / "migrating.md").read_text()
COLUMNS = 5


@dataclass(frozen=True)
class Row:
    """A row of a table about behaviours."""

    name: str
    why: str
    cells: tuple[str, ...]


@cache
def rows(section: str) -> tuple[Row, ...]:
    """Return the rows of the tables in a section."""
    return tuple(_rows(section))


def _rows(section: str) -> Iterator[Row]:
    text = re.split(rf"^## {re.escape(section)}$", PAGE, maxsplit=1, flags=re.MULTILINE)[1]
    text = re.split(r"^## ", text, maxsplit=1, flags=re.MULTILINE)[0]
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        if cells and cells[0] != "Behaviour" and set(cells[0]) != {"-"}:
            yield Row(cells[0], cells[3] if len(cells) > COLUMNS - 2 else "", cells)


def _reasons() -> dict[str, dict[str, str]]:
    """Return the reason for each entry of the lists of differences, by section and name."""
    wsgi = {entry.name: entry.why for entry in differences.DIFFERENCES}
    django = {entry.name: entry.why for entry in django_differences.DIFFERENCES}
    both = {name: why for name, why in wsgi.items() if name in django}
    return {
        "Both middlewares": both,
        "moesifwsgi": {name: why for name, why in wsgi.items() if name not in both},
        "moesifdjango": {name: why for name, why in django.items() if name not in both},
        "moesifpythonrequest": {entry.name: entry.why for entry in outgoing_differences.DIFFERENCES},
        "moesifapi": {},
    }


REASONS = _reasons()
each_section = pytest.mark.parametrize("section", BEHAVIOURS)


@each_section
def test_the_page_has_a_row_for_each_difference_and_no_other(section: str) -> None:
    names = [row.name for row in rows(section)]
    assert sorted(names) == sorted([*REASONS[section], *BEHAVIOURS[section]])


@each_section
def test_a_row_gives_the_reason_of_its_entry(section: str) -> None:
    given = {row.name: row.why for row in rows(section) if row.name in REASONS[section]}
    assert given == REASONS[section]


@each_section
def test_no_cell_is_empty(section: str) -> None:
    assert [row.name for row in rows(section) if len(row.cells) != COLUMNS or not all(row.cells)] == []


def test_shared_differences_have_one_reason() -> None:
    wsgi = {entry.name: (entry.why, entry.cites) for entry in differences.DIFFERENCES}
    django = {entry.name: (entry.why, entry.cites) for entry in django_differences.DIFFERENCES}
    assert {name: wsgi[name] for name in wsgi.keys() & django} == {name: django[name] for name in wsgi.keys() & django}


@each_section
def test_each_behaviour_names_a_test_that_exists(section: str) -> None:
    existing = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert {name: test for name, test in BEHAVIOURS[section].items() if test not in existing} == {}


def test_links_name_a_row_or_a_heading() -> None:
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^### (.+)$", PAGE, re.MULTILINE)}
    for name, anchor in re.findall(r"\[([^\]]+)\]\(#([\w-]+)\)", PAGE.split("## Check these too")[1]):
        sections = {section.lower().replace(" ", "-"): section for section in BEHAVIOURS}
        if anchor in sections:
            known = {row.name for row in rows(sections[anchor])}
            assert name in known or name in {"moesifdjango", "both middlewares"}
        else:
            assert anchor in headings


@pytest.mark.parametrize("mask", [functions.documented_mask, functions.corrected_mask], ids=["old", "corrected"])
def test_the_page_shows_the_line_of_the_mask_function(mask: object) -> None:
    """Both functions are played through both packages (tests/parity/corpus/masks.py)."""
    [condition] = [line.strip() for line in inspect.getsource(mask).splitlines() if line.strip().startswith("if ")]  # type: ignore[arg-type]
    assert condition.partition("  #")[0] in PAGE.splitlines()


@pytest.mark.parametrize(
    ("package", "middleware"),
    [("moesifwsgi", MoesifMiddleware), ("moesifdjango", DjangoMiddleware)],
    ids=["WSGI", "Django"],
)
def test_attributes_of_the_old_implementation_are_not_there(package: str, middleware: type) -> None:
    """The list has exactly the attributes that the replaced middleware sets and ours does not have."""
    [source] = (ROOT / ".venv-upstream").glob(f"lib/python*/site-packages/{package}/middleware.py")
    [theirs] = [node for node in ast.parse(source.read_text()).body if isinstance(node, ast.ClassDef)]
    ours = _attributes(ast.parse(inspect.getsource(middleware)).body[0]) | set(dir(middleware))
    listed = PAGE.split("### Attributes that are not there")[1].split(f"- {package}:")[1].split(".")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == _attributes(theirs) - ours


def _attributes(definition: ast.stmt) -> set[str]:
    """Return the attributes of ``self`` that the methods of a class set."""
    assert isinstance(definition, ast.ClassDef)
    methods = [node for node in definition.body if isinstance(node, ast.FunctionDef)]
    targets = [
        node
        for method in methods
        for statement in method.body
        for node in _outside_of_classes(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    return {node.attr for node in targets if isinstance(node.value, ast.Name) and node.value.id == "self"}


def _outside_of_classes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.ClassDef):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_of_classes(child)


@pytest.mark.parametrize(
    "module",
    [
        *("moesifwsgi.workers", "moesifwsgi.event_mapper", "moesifdjango.job_scheduler", "moesifdjango.moesif_gov"),
        *("moesifpythonrequest.global_variables", "moesifpythonrequest.patch_request"),
        *("moesifapi.app_config", "moesifapi.config_manager", "moesifapi.governance_manager"),
        *("moesifapi.parse_body", "moesifapi.workers"),
    ],
)
def test_inner_modules_of_the_old_packages_are_not_there(module: str) -> None:
    assert importlib.util.find_spec(module) is None


def test_a_batch_waits_for_one_second_by_default() -> None:
    options = (ROOT / "docs" / "options.md").read_text()
    assert re.search(r"^\| `EVENT_BATCH_TIMEOUT` \|.*\| `1` \|", options, re.MULTILINE)


def test_outgoing_calls_work_while_the_collector_is_down(run_program: RunProgram, nowhere: Nowhere, api: Api) -> None:
    ended = run_program(
        f"""
        import requests
        from moesifpythonrequest.start_capture.start_capture import StartCapture

        StartCapture().start_capture_outgoing({{}})
        print(requests.get({f"{api.uri}/items"!r}, timeout=20).status_code)
        """,
        to=nowhere,
        FLUSH_TIMEOUT=0,
    )
    assert ended.output.split() == ["200"], ended.errors
