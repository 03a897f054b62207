"""The step that finds files of this package that another package has overwritten."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import site
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from moesif.check.verdict import Verdict
from moesif.installation import REPLACED, metadata_directory, repair

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How many files a message names.
_NAMED_FILES = 3


def check_installation() -> Iterator[Verdict]:
    """Yield a verdict if replaced packages are installed too, or if an import does not lead to this package.

    Compares the installed files with the list that pip has made. The packages themselves are not imported.
    """
    directory = Path(__file__).resolve().parents[2]
    present = _replaced_in(directory)
    faults: list[str] = []
    hidden: list[str] = []
    for package in REPLACED:
        location = _location(package)
        if location in {directory, None}:
            changed = _changed_files(directory, package)
            if changed:
                faults.append(_overwritten(changed, directory, present.get(package)))
            elif location is None:
                faults.append(f"{package} cannot be imported from {directory}")
        elif location:
            there = _replaced_in(location) if _is_managed(location) else {}
            if package in there:
                present[package] = there[package]
            else:
                hidden.append(str(location / package))
            faults.append(f"an import of {package} leads to {location / package}, not to moesif-rs in {directory}")
    instructions = repair(str(directory), present)
    if faults:
        found = f"{'; '.join(faults)}. Applications that import this are not recorded by moesif-rs"
        advice = f"rename or remove {' and '.join(hidden)}" if hidden else instructions
        yield Verdict("packages", is_good=False, found=found, advice=advice)
    elif present:
        found = (
            f"note: {' and '.join(present.values())} and moesif-rs are installed in the same directory ({directory}). "
            "Now the files are those of moesif-rs. An upgrade or removal of the other would take them away"
        )
        yield Verdict("packages", is_good=True, found=found, advice=instructions)


def _replaced_in(directory: Path) -> dict[str, str]:
    """Return the replaced distributions that are installed in this directory: by name, the name with the version."""
    found = {str(other.metadata["Name"]).lower(): other.version for other in distributions(path=[str(directory)])}
    return {name: f"{name} {found[name]}" for name in REPLACED if name in found}


def _is_managed(directory: Path) -> bool:
    """Return whether pip uninstalls packages of this directory. It does not for one of ``pip install --target``."""
    managed = [*site.getsitepackages(), site.getusersitepackages()]
    return directory in {Path(path).resolve() for path in managed}


def _location(package: str) -> Path | None:
    """Return the directory that contains the package which an import would find."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.origin:  # without an origin, it is a directory without a module
        return None
    return Path(spec.origin).resolve().parents[1]


def _changed_files(directory: Path, package: str) -> list[str]:
    """Return the files of an import package that are not as this distribution installed them."""
    metadata = metadata_directory(str(directory), "moesif_rs")
    if metadata is None:
        return []
    try:
        with (Path(metadata) / "RECORD").open(encoding="utf-8", newline="") as record:
            rows = [row for row in csv.reader(record) if row and row[0].startswith(f"{package}/")]
    except OSError:
        return []
    return [name for name, expected, *_ in rows if expected and _hash(directory / name) != expected]


def _hash(file: Path) -> str | None:
    """Return the hash of a file as pip writes it. ``None`` if the file cannot be read."""
    try:
        digest = hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return None
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _overwritten(changed: list[str], directory: Path, by: str | None) -> str:
    files = ", ".join(changed[:_NAMED_FILES])
    if len(changed) > _NAMED_FILES:
        files += f" and {len(changed) - _NAMED_FILES} more"
    if by:
        return f"{by} has overwritten files of moesif-rs in {directory}: {files}"
    return f"files of moesif-rs in {directory} are missing or changed: {files}"
