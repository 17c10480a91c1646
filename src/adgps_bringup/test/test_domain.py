"""A run's domain id is its own."""

import os
import socket

from adgps_bringup import domain


def test_ids_held_at_the_same_time_differ_and_are_valid() -> None:
    with domain.free_domain() as first, domain.free_domain() as second:
        assert first != second
        assert {first, second} <= set(range(domain.FIRST, domain.LAST + 1))


def test_an_id_is_held_against_others_until_it_is_let_go() -> None:
    with domain.free_domain() as taken:
        assert domain._lock(taken) is None
    descriptor = domain._lock(taken)
    assert descriptor is not None
    os.close(descriptor)


def test_a_domain_with_a_participant_counts_as_in_use() -> None:
    with domain.free_domain() as own:
        assert not domain._in_use(own)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
            participant.bind(("", 7400 + 250 * own + 10))
            assert domain._in_use(own)


def test_ports_of_every_id_are_below_the_ephemeral_ones() -> None:
    highest = 7400 + 250 * domain.LAST + 11 + 2 * 32
    assert highest < 32768
