"""Faults of ours stay ours: counted, told once, and by one process of a host alone."""

from __future__ import annotations

import logging

import pytest

from neffcache_hooks import guard

_RANKS = ("LOCAL_RANK", "PJRT_LOCAL_PROCESS_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "RANK")


def _fails(text: str = "x") -> None:
    raise ValueError(text)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "faults", {})
    monkeypatch.setattr(guard, "_said", set())
    monkeypatch.setattr(guard, "switched_on", [True])
    for name in (*_RANKS, "NEFFCACHE_STRICT", "NEFFCACHE_LOG"):
        monkeypatch.delenv(name, raising=False)


def test_what_works_is_returned() -> None:
    assert guard.attempt("toy", divmod, 7, 2) == (3, 1)


def test_while_the_hooks_are_off_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "switched_on", [])
    assert guard.attempt("toy", divmod, 7, 2) is None
    assert guard.protect("toy", divmod, 7, 2) == (3, 1)


def test_faults_are_counted_and_the_first_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert [guard.attempt("toy", _fails) for _ in range(3)] == [None] * 3
    assert guard.faults["toy"][0] == 3
    assert len(caplog.messages) == 1


def test_what_an_exception_says_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    guard.attempt("toy", _fails, "hf_secret")
    assert "hf_secret" not in caplog.text
    assert "toy: ValueError at test_guard.py:" in caplog.text


def test_strict_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEFFCACHE_STRICT", "1")
    with pytest.raises(ValueError, match="x"):
        guard.attempt("toy", _fails)


def test_an_interrupt_is_the_users() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard.attempt("toy", interrupted)


def test_a_handler_that_fails_does_no_harm() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(record.getMessage())

    logger, handler = logging.getLogger("neffcache"), Broken()
    logger.addHandler(handler)
    try:
        assert guard.attempt("toy", _fails) is None
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("variables", "level"),
    [
        ({}, logging.WARNING),
        ({"LOCAL_RANK": "0"}, logging.WARNING),
        ({"LOCAL_RANK": "1"}, logging.INFO),
        ({"PJRT_LOCAL_PROCESS_RANK": "2"}, logging.INFO),
        ({"RANK": "5"}, logging.WARNING),
    ],
)
def test_one_process_of_a_host_tells(
    variables: dict[str, str],
    level: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "neffcache")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    guard.say("toy", "stands aside")
    assert [record.levelno for record in caplog.records] == [level]


def test_a_log_file_that_cannot_be_written_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEFFCACHE_LOG", "/proc/nowhere")
    guard.say("toy", "stands aside")
