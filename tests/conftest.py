"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Has programs that tests start hear Ctrl-C, where a shell runs the tests in the background and ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
