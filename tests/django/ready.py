"""Sets Django up in this process when it is imported.

The database is a file, because async stacks query it from another thread.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from tests.django.project import shim
from tests.recorder import FAST

__all__ = ["FAST"]

shim.install()
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.django.project.settings"
_directory = tempfile.mkdtemp()
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
os.environ["TEST_DATABASE"] = f"{_directory}/db.sqlite3"

import django  # noqa: E402 - the shim comes first

django.setup()
# Programs started by these tests have their own settings.
del os.environ["DJANGO_SETTINGS_MODULE"]
