"""Apache with mod_wsgi from Debian, with its own configuration and port."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import moesif
import moesifwsgi

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
MODULES = Path("/usr/lib/apache2/modules")

CONFIGURATION = """
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/apache.pid
ServerName h
Listen {host}:{port}
{user}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
<Directory />
AllowOverride None
</Directory>
ErrorLog /dev/stderr
LogLevel error wsgi:error
WSGISocketPrefix {directory}/wsgi
WSGIRestrictEmbedded On
WSGIDaemonProcess tests processes={processes} threads=4 python-path={directory}
WSGIProcessGroup tests
WSGIApplicationGroup {group}
WSGIScriptAlias / {directory}/application.wsgi
"""


def is_installed() -> bool:
    return binary() is not None and (MODULES / "mod_wsgi.so").exists()


def binary() -> str | None:
    # /usr/sbin is often not in PATH.
    return shutil.which("apache2", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


def command(application: str, address: tuple[str, int], arguments: tuple[str, ...], directory: Path) -> list[str]:
    """Write a configuration into ``directory``, which is created. Returns the command that starts Apache.

    All users must be able to read the directory. ``arguments`` are empty, or the number of processes and the
    application group: ``%{GLOBAL}`` is the main interpreter; ``%{RESOURCE}``, the default of mod_wsgi, is a
    sub-interpreter.
    """
    processes, group = arguments or ("1", "%{RESOURCE}")
    # If started by root, Apache runs as a user who can read only this directory.
    for package in (moesif, moesifwsgi):
        _copy(package, directory)
    shutil.copytree(ROOT / "tests", directory / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    module, _, name = application.partition(":")
    (directory / "application.wsgi").write_text(f"from {module} import {name} as application\n")
    host, port = address
    configuration = directory / "apache.conf"
    configuration.write_text(
        CONFIGURATION.format(
            directory=directory,
            modules=MODULES,
            host=host,
            port=port,
            processes=processes,
            group=group,
            user="User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        )
    )
    return [binary() or "apache2", "-DFOREGROUND", "-f", str(configuration)]


def _copy(module: ModuleType, directory: Path) -> None:
    package = Path(module.__file__ or "").parent
    shutil.copytree(package, directory / package.name, ignore=shutil.ignore_patterns("__pycache__"))
