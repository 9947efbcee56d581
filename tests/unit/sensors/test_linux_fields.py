from __future__ import annotations

import math

import pytest

from tocsin.sensors.linux.fields import NamedNumbers, in_two_lines


def test_numbers_come_in_the_order_of_their_names() -> None:
    assert NamedNumbers((b"c", b"a")).of(b"a 1\nb 2\nc 3\n") == (3, 1)


def test_colons_and_units_do_not_matter() -> None:
    assert NamedNumbers((b"Free:", b"Huge:")).of(b"Total: 9 kB\nFree: 5 kB\nHuge: 7\n") == (5, 7)


def test_a_name_that_is_not_there_is_absent_until_it_comes() -> None:
    numbers = NamedNumbers((b"a", b"b"))
    found = numbers.of(b"a 1\n")
    assert found[0] == 1
    assert math.isnan(found[1])
    assert numbers.of(b"a 2\nb 3\n") == (2, 3)
    assert math.isnan(numbers.of(b"a 2\n")[1])


@pytest.mark.parametrize("later", [b"new 5\na 2\nb 3\n", b"b 3\na 2\n", b"x 1\ny 1\nz 1\na 2\nw 0\nb 3\n"])
def test_lines_that_move_are_found_again(later: bytes) -> None:
    numbers = NamedNumbers((b"a", b"b"))
    numbers.of(b"a 1\nb 1\nc 1\n")
    assert numbers.of(later) == (2, 3)


def test_a_number_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="could not convert"):
        NamedNumbers((b"a", b"b")).of(b"a one\nb 2\n")


def test_names_and_numbers_in_two_lines_belong_to_their_protocol() -> None:
    text = b"Tcp: InErrs Out\nTcp: 1 2\nUdp: InErrs Out More\nUdp: 3 4 -1\n"
    numbers = NamedNumbers((b"Udp:InErrs", b"Tcp:Out", b"Tcp:More"), in_two_lines)
    assert numbers.of(text)[:2] == (3, 2)
    assert math.isnan(numbers.of(text)[2])
    grown = b"Icmp: a\nIcmp: 9\n" + text
    assert numbers.of(grown)[:2] == (3, 2)


def test_a_file_that_stands_still_is_parsed_once() -> None:
    numbers = NamedNumbers((b"a", b"b"))
    first = numbers.of(b"a 1\nb 2\n")
    assert numbers.of(b"a 1\nb 2\n") is first
    assert numbers.of(b"a 1\nb 3\n") == (1, 3)
