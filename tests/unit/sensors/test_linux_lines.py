from __future__ import annotations

from tocsin.sensors.linux.lines import DeviceLines


def split(line: bytes) -> tuple[bytes, str] | None:
    name, colon, _ = line.partition(b":")
    return (name + colon, name.strip().decode()) if colon else None


def lines() -> DeviceLines:
    return DeviceLines(split, lambda name: not name.startswith("no"))


def test_only_what_is_wanted_is_parsed() -> None:
    assert lines().columns(b"head\na: 1 2\nno: x y\nb: 3 4\n") == ([[1, 2], [3, 4]], True)


def test_a_name_that_ends_like_another_is_not_taken_for_it() -> None:
    found = lines()
    text = b"head\nnoeth0: 9\neth0: 1\n"
    assert found.columns(text)[0] == found.columns(text)[0] == [[1]]


def test_a_line_that_has_not_changed_gives_the_same_list_again() -> None:
    found = lines()
    first = found.columns(b"a: 1\nb: 2\n")[0]
    second = found.columns(b"a: 1\nb: 3\n")[0]
    assert second == [[1], [3]]
    assert second[0] is first[0]


def test_devices_that_come_and_go_are_learnt_anew() -> None:
    found = lines()
    found.columns(b"a: 1\nb: 2\n")
    assert found.columns(b"b: 2\n") == ([[2]], True)
    assert found.columns(b"c: 3\n") == ([[3]], True)
    assert found.columns(b"c: 4\nd: 5\n") == ([[4], [5]], True)
    assert found.names == ("c", "d")


def test_a_device_that_takes_the_place_of_an_unwanted_one_is_found_within_a_minute() -> None:
    found = lines()
    found.columns(b"a: 1\nno: 2\n")
    calls = next(number for number in range(100) if len(found.columns(b"a: 1\nb: 2\n")[0]) == 2)
    assert calls < 60


def test_what_was_forgotten_is_learnt_again() -> None:
    found = lines()
    found.columns(b"a: 1\nno: 2\n")
    found.forget()
    assert found.columns(b"a: 1\nb: 2\n") == ([[1], [2]], True)
