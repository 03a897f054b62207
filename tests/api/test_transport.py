"""Waiting for an API call blocks nothing else and can be interrupted (docs/guarantees.md, I-4, I-5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from moesif.client import APIConnectionError
from moesif.client.semaphores import thread_semaphore
from tests.recorder import Answer, Fault

if TYPE_CHECKING:
    from tests.api.conftest import Connect, ConnectAsync
    from tests.conftest import Ended, RunProgram
    from tests.recorder import Delivery, Recorder


def _answer_when_all_have_come(recorder: Recorder, count: int) -> None:
    """Answer no request before ``count`` of them have arrived."""
    all_have_come = threading.Barrier(count)

    def reply(_delivery: Delivery) -> int:
        all_have_come.wait(20)
        return 201

    recorder.reply = reply


@pytest.mark.parametrize("patch", ["gevent.monkey.patch_all()", "pass"], ids=["gevent", "threads"])
def test_threads_and_greenlets_run_while_one_waits(run_program: RunProgram, recorder: Recorder, patch: str) -> None:
    _answer_when_all_have_come(recorder, 6)
    ended = run_program(
        f"""
        import os
        import gevent.monkey
        {patch}
        import threading
        from moesif.client import MoesifAPIClient
        from moesifwsgi import MoesifMiddleware

        api = MoesifAPIClient(os.environ["MOESIF_APPLICATION_ID"]).api
        middleware = MoesifMiddleware(lambda environ, start_response: [], {{}})
        def update(number):
            (api if number % 2 else middleware).update_user({{"user_id": str(number)}})
        threads = [threading.Thread(target=update, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert [delivery.status for delivery in recorder.deliveries] == [201] * 6


def test_event_loop_runs_while_tasks_wait(recorder: Recorder, connect_async: ConnectAsync) -> None:
    _answer_when_all_have_come(recorder, 6)
    client = connect_async(recorder)

    async def update() -> None:
        await asyncio.gather(*(client.update_user({"user_id": str(number)}) for number in range(6)))

    asyncio.run(update())
    assert len(recorder.accepted) == 6


def test_at_most_six_requests_to_one_collector_at_once(recorder: Recorder, connect_async: ConnectAsync) -> None:
    client = connect_async(recorder)
    in_progress = [0, 0]
    lock = threading.Lock()

    def reply(_delivery: Delivery) -> int:
        with lock:
            in_progress[0] += 1
            in_progress[1] = max(in_progress)
        time.sleep(0.01)
        with lock:
            in_progress[0] -= 1
        return 201

    recorder.reply = reply

    async def update() -> None:
        await asyncio.gather(*(client.update_user({"user_id": str(number)}) for number in range(100)))

    asyncio.run(update())
    assert len(recorder.accepted) == 100
    assert in_progress[1] <= 6


def test_cancelled_task_stops_waiting(recorder: Recorder, connect_async: ConnectAsync) -> None:
    recorder.answer_with(then=Fault.HANG)
    client = connect_async(recorder, timeout=100)

    async def update() -> None:
        await asyncio.wait_for(client.update_user({"user_id": "1"}), 0.3)

    begin = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(update())
    assert time.monotonic() - begin < 30


def test_cancelled_call_is_not_retried(recorder: Recorder, connect_async: ConnectAsync) -> None:
    tried: list[bytes] = []
    answered = threading.Event()

    def reply(delivery: Delivery) -> int | Answer:
        tried.append(delivery.json.split(b'"')[3])
        answered.set()
        if tried.count(b"patient") == 2:
            return 201
        return Answer(503, (("Retry-After", "1" if tried[-1] == b"impatient" else "3"),))

    recorder.reply = reply
    client = connect_async(recorder)

    async def update() -> None:
        task = asyncio.create_task(client.update_user({"user_id": "impatient"}))
        assert await asyncio.to_thread(answered.wait, 20)
        task.cancel()
        # Its second attempt comes after 3 s. The cancelled call would have been retried after 1 s.
        await client.update_user({"user_id": "patient"})

    asyncio.run(update())
    assert tried == [b"impatient", b"patient", b"patient"]


def _assert_interrupted(ended: Ended) -> None:
    assert ended.output.startswith("interrupted"), ended.errors
    assert ended.code == 0
    assert ended.seconds_after("interrupted") < 30


@pytest.mark.parametrize("patch", ["gevent.monkey.patch_all()", "pass"], ids=["gevent", "plain"])
@pytest.mark.parametrize("updates", ["MoesifAPIClient(application_id).api", "MoesifMiddleware(None, {})"])
def test_ctrl_c_ends_the_wait(run_program: RunProgram, recorder: Recorder, updates: str, patch: str) -> None:
    def reply(delivery: Delivery) -> Fault:
        os.kill(int(delivery.json.split(b'"')[3]), signal.SIGINT)
        return Fault.HANG

    recorder.reply = reply
    ended = run_program(
        f"""
        import os, time
        import gevent.monkey
        {patch}
        from moesif.client import MoesifAPIClient
        from moesifwsgi import MoesifMiddleware

        application_id = os.environ["MOESIF_APPLICATION_ID"]
        try:
            {updates}.update_user({{"user_id": os.getpid()}})
        except KeyboardInterrupt:
            print("interrupted", time.monotonic())
        """,
        to=recorder,
        variables={"MOESIF_REQUEST_TIMEOUT": "60"},
    )
    _assert_interrupted(ended)


@pytest.mark.parametrize("updates", ["MoesifAPIClient(application_id).api", "MoesifMiddleware(None, {})"])
def test_timeout_error_that_a_signal_handler_raises_ends_the_wait(
    run_program: RunProgram, recorder: Recorder, updates: str
) -> None:
    def reply(delivery: Delivery) -> Fault:
        os.kill(int(delivery.json.split(b'"')[3]), signal.SIGALRM)
        return Fault.HANG

    recorder.reply = reply
    ended = run_program(
        f"""
        import os, signal, time
        from moesif.client import MoesifAPIClient
        from moesifwsgi import MoesifMiddleware

        def handle(number, frame):
            raise TimeoutError("the time is up")

        signal.signal(signal.SIGALRM, handle)
        application_id = os.environ["MOESIF_APPLICATION_ID"]
        try:
            {updates}.update_user({{"user_id": os.getpid()}})
        except TimeoutError as error:
            assert str(error) == "the time is up"
            print("interrupted", time.monotonic())
        """,
        to=recorder,
        variables={"MOESIF_REQUEST_TIMEOUT": "60"},
    )
    _assert_interrupted(ended)


def test_timeout_error_that_gevent_raises_ends_the_wait(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        """
        import gevent.monkey
        gevent.monkey.patch_all()
        import gevent, os, time
        from moesif.client import MoesifAPIClient

        api = MoesifAPIClient(os.environ["MOESIF_APPLICATION_ID"]).api
        try:
            with gevent.Timeout(0.5, TimeoutError("the time is up")):
                api.update_user({"user_id": "1"})
        except TimeoutError as error:
            assert str(error) == "the time is up"
            print("interrupted", time.monotonic())
        """,
        to=recorder,
        variables={"MOESIF_REQUEST_TIMEOUT": "60"},
    )
    _assert_interrupted(ended)


def test_process_can_end_while_a_daemon_thread_waits(run_program: RunProgram, recorder: Recorder) -> None:
    recorder.answer_with(then=Fault.HANG)
    ended = run_program(
        """
        import os, threading, time
        from moesif.client import Configuration, MoesifAPIClient

        api = MoesifAPIClient(os.environ["MOESIF_APPLICATION_ID"], Configuration(timeout=80)).api
        threading.Thread(target=api.update_user, args=({"user_id": "1"},), daemon=True).start()
        time.sleep(0.3)
        print("end", time.monotonic())
        """,
        to=recorder,
        variables={"MOESIF_REQUEST_TIMEOUT": "80"},
    )
    assert (ended.code, ended.errors) == (0, "")
    assert ended.seconds_after("end") < 30


def test_fork_during_a_request(run_program: RunProgram, recorder: Recorder) -> None:
    forked = threading.Event()

    def reply(delivery: Delivery) -> int:
        if b'"parent"' in delivery.json:
            assert forked.wait(20)
        else:
            forked.set()
        return 201

    recorder.reply = reply
    ended = run_program(
        """
        import os, socket
        from moesif import _native
        from moesif.client import MoesifAPIClient

        client = MoesifAPIClient(os.environ["MOESIF_APPLICATION_ID"])
        client.api.get_app_config()
        call = _native.ApiClient({}).post("/v1/users", '{"user_id":"parent"}', 200)
        readable = socket.socket(fileno=call.begin(200))
        child = os.fork()
        if not child:
            client.api.update_user({"user_id": "child"})
            assert readable.recv(1) == b""
            outcome = call.outcome()
            print(outcome.status, outcome.problem, flush=True)
            os._exit(0)
        assert readable.recv(1) == b""
        assert call.outcome().status == 201
        assert os.waitpid(child, 0)[1] == 0
        client.api.update_user({"user_id": "after"})
        """,
        to=recorder,
    )
    assert ended.code == 0, ended.errors
    assert ended.output.startswith("0 "), ended.output
    assert "begun by the process this one was forked from" in ended.output
    assert sorted(delivery.json.split(b'"')[3] for delivery in recorder.accepted) == [b"after", b"child", b"parent"]


def test_threads_share_a_client_and_a_few_connections(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import os, threading
        from moesif.client import MoesifAPIClient

        api = MoesifAPIClient(os.environ["MOESIF_APPLICATION_ID"]).api

        def update():
            for _ in range(10):
                api.update_user({"user_id": "1"})

        threads = [threading.Thread(target=update) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
        to=recorder,
    )
    assert (ended.code, ended.errors) == (0, "")
    assert len(recorder.accepted) == 320
    assert len({delivery.connection for delivery in recorder.deliveries}) <= 9


def test_no_descriptor_leaks(recorder: Recorder, connect_async: ConnectAsync) -> None:
    client = connect_async(recorder)

    async def update(count: int) -> None:
        for _ in range(count):
            await client.update_user({"user_id": "1"})

    asyncio.run(update(3))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number is needed
    asyncio.run(update(50))
    assert len(os.listdir("/proc/self/fd")) <= before + 16  # noqa: PTH208 - the recorder's connections come and go


@pytest.mark.parametrize("waits", ["asyncio", "gevent", "threads"])
def test_waiting_calls_hold_few_descriptors(run_program: RunProgram, recorder: Recorder, waits: str) -> None:
    # By the time these are answered, all other calls are waiting.
    recorder.answer_with(*[Answer(delay=1.5)] * 6)
    ended = run_program(
        f"""
        import asyncio, os, resource
        waits = {waits!r}
        if waits == "gevent":
            import gevent.monkey
            gevent.monkey.patch_all()
        import threading
        from moesif.client import AsyncClient, MoesifAPIClient

        resource.setrlimit(resource.RLIMIT_NOFILE, (220, 220))
        application_id = os.environ["MOESIF_APPLICATION_ID"]
        users = [{{"user_id": str(number)}} for number in range(300)]

        async def update():
            client = AsyncClient(application_id)
            await asyncio.gather(*(client.update_user(user) for user in users))

        if waits == "asyncio":
            asyncio.run(update())
        else:
            api = MoesifAPIClient(application_id).api
            threads = [threading.Thread(target=api.update_user, args=(user,)) for user in users]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """,
        to=recorder,
    )
    assert (ended.code, ended.errors) == (0, "")
    assert len(recorder.accepted) == 300


def test_call_that_gets_no_permit_fails_at_its_timeout(recorder: Recorder, connect_async: ConnectAsync) -> None:
    recorder.answer_with(then=Fault.HANG)
    client = connect_async(recorder, timeout=3)

    async def update() -> list[str]:
        calls = (client.update_user({"user_id": str(number)}) for number in range(200))
        return [str(problem) for problem in await asyncio.gather(*calls, return_exceptions=True)]

    begin = time.monotonic()
    problems = asyncio.run(update())
    assert time.monotonic() - begin < 30
    # A call that gets its permit just before its timeout is sent, but not answered in the remaining time.
    sent = [problem for problem in problems if problem.startswith(f"{recorder.uri} did not answer")]
    waited = [problem for problem in problems if "never sent" in problem and "other requests were under way" in problem]
    assert len(sent) >= 6
    assert len(waited) >= 100
    assert len(sent) + len(waited) == 200


@pytest.mark.parametrize("waits", ["tasks", "threads"])
def test_hanging_collector_does_not_block_calls_to_another(
    recorder: Recorder, another_recorder: Recorder, connect: Connect, connect_async: ConnectAsync, waits: str
) -> None:
    recorder.answer_with(then=Fault.HANG)
    users = [{"user_id": str(number)} for number in range(100)]

    async def update() -> None:
        hanging = connect_async(recorder, timeout=60)
        tasks = [asyncio.create_task(hanging.update_user(user)) for user in users]
        await asyncio.to_thread(recorder.wait_for_deliveries, 6)
        await connect_async(another_recorder, timeout=20).update_user({"user_id": "1"})
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def try_update(user: dict[str, str]) -> None:
        with contextlib.suppress(APIConnectionError):
            connect(recorder, timeout=9).api.update_user(user)

    if waits == "tasks":
        asyncio.run(update())
    else:
        threads = [threading.Thread(target=try_update, args=(user,)) for user in users]
        for thread in threads:
            thread.start()
        recorder.wait_for_deliveries(6)
        connect(another_recorder, timeout=6).api.update_user({"user_id": "1"})
        for thread in threads:
            thread.join()
    assert len(another_recorder.accepted) == 1
    assert len(recorder.deliveries) < 100


def test_idle_semaphores_are_discarded() -> None:
    hanging = thread_semaphore("http://hangs.example")
    assert hanging.acquire(1)
    for number in range(100):
        thread_semaphore(f"http://{number}.example")
    assert thread_semaphore("http://hangs.example") is hanging
    assert thread_semaphore("http://a.example") is not thread_semaphore("http://b.example")
    hanging.release()


def test_call_fails_without_free_file_descriptors(run_program: RunProgram, recorder: Recorder) -> None:
    ended = run_program(
        """
        import asyncio, os, resource
        from moesif.client import APIConnectionError, AsyncClient, MoesifAPIClient

        application_id = os.environ["MOESIF_APPLICATION_ID"]
        async def update():
            client = AsyncClient(application_id)
            taken = take()
            try:
                await client.update_user({"user_id": "1"})
            except APIConnectionError as error:
                print(error)
            del taken

        def take():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            taken = []
            try:
                while True:
                    taken.append(open("/dev/null"))
            except OSError:
                return taken

        asyncio.run(update())
        api = MoesifAPIClient(application_id).api
        taken = take()
        try:
            api.update_user({"user_id": "1"})
        except APIConnectionError as error:
            taken.clear()
            print(error)
        """,
        to=recorder,
    )
    assert (ended.code, ended.errors) == (0, "")
    assert ended.output.count("never sent: Too many open files") == 2
