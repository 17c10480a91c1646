"""The doctor's checks of messages, over DDS."""

from adgps_bringup.checkups import messages
from adgps_bringup.checkups.finding import Level


def test_messages_serialise_and_two_processes_exchange_them() -> None:
    for check in (messages.serialisation, messages.loopback, messages.discovery):
        finding = check()
        assert finding.level is Level.PASS, finding.detail


def test_a_partner_that_dies_is_a_failure_and_says_why(monkeypatch) -> None:
    monkeypatch.setattr(messages, "ECHO", "adgps_bringup.no_such_module")
    finding = messages.discovery()
    assert finding.level is Level.FAIL
    assert "no_such_module" in finding.detail
