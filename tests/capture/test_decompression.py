"""Decompression happens on the worker and is limited (docs/guarantees.md, I-16)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from tests.recorder import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunProgram
    from tests.recorder import Recorder


def test_request_thread_does_not_decompress(run_program: RunProgram, recorder: Recorder) -> None:
    # The first call blocks the only worker, so all other work would be done by requests.
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        """
        import gzip, json, sys, time
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import make_environ, request

        document = json.dumps(["text"] * 50_000).encode()
        body = gzip.compress(document)

        def application(environ, start_response):
            environ["wsgi.input"].read()
            start_response("200 OK", [("Content-Encoding", environ["HTTP_CONTENT_ENCODING"])])
            return [body]

        wrapped = MoesifMiddleware(application, {})

        def seconds(encoding):
            begin = time.thread_time()
            for _ in range(300):
                request(wrapped, make_environ("POST", "/", body, HTTP_CONTENT_ENCODING=encoding))
            return time.thread_time() - begin

        request(wrapped, make_environ("POST", "/", body, HTTP_CONTENT_ENCODING="identity"))
        plain, compressed = seconds("identity"), seconds("gzip")
        assert compressed < 5 * plain + 0.05, (plain, compressed)
        assert moesif.stats()["queue_bytes"] < 601 * (2 * len(body) + 4096), moesif.stats()
        assert len(document) > 100 * len(body)
        """,
        to=recorder,
        EVENT_WORKER_COUNT=1,
        FLUSH_TIMEOUT=0,
    )
    assert ended.code == 0, ended.errors


@pytest.mark.parametrize("reader", ["worker", "function"])
def test_decompression_bomb_is_limited_on_every_thread(
    run_program: RunProgram, recorder: Recorder, tmp_path: Path, reader: str
) -> None:
    compressor = zlib.compressobj(9, wbits=31)
    bomb = compressor.compress(b"[") + b"".join(compressor.compress(b"0," * 500_000) for _ in range(100))
    bomb += compressor.compress(b"0]") + compressor.flush()
    (tmp_path / "bomb").write_bytes(bomb)
    ended = run_program(
        """
        import os, resource
        from pathlib import Path
        import moesif
        from moesifwsgi import MoesifMiddleware
        from tests.gateway import make_environ, request

        bomb = Path(os.environ["BOMB"]).read_bytes()

        def application(environ, start_response):
            environ["wsgi.input"].read()
            start_response("200 OK", [("Content-Encoding", "gzip")])
            return [bomb]

        def metadata(app, environ):
            return {"kind": type(environ["moesif.request_body"]).__name__}

        functions = {"GET_METADATA": metadata} if os.environ["READER"] == "function" else {}
        wrapped = MoesifMiddleware(application, functions)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        request(wrapped, make_environ("POST", "/", b"{}"))
        assert moesif.flush(30)
        before = peak()
        for _ in range(3):
            request(wrapped, make_environ("POST", "/", bomb, HTTP_CONTENT_ENCODING="gzip"))
        assert moesif.flush(30)
        # In KiB. The decompressed body would take 95 MiB.
        assert peak() - before < 48 * 1024, peak() - before
        """,
        to=recorder,
        variables={"BOMB": str(tmp_path / "bomb"), "READER": reader},
    )
    assert ended.code == 0, ended.errors
    *_, event = recorder.events
    assert (event["request"]["transfer_encoding"], event["response"]["transfer_encoding"]) == ("base64", "base64")
    assert "X-Moesif-Body-Truncated" not in event["request"]["headers"]
