from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tocsin.memory.leaks.lifetable import LifeTable, age_class, begin_of_class


def lived(lives_s: list[float], until_s: float = 100.0) -> tuple[LifeTable, list[tuple[float, float]]]:
    """A table of blocks that are born one a second, and looked at each second; and who lives at the end."""
    table, alive = LifeTable(), []
    for born_s, life_s in enumerate(lives_s):
        table.enter(0.5, 1)
        age_s = 0.5
        while born_s + age_s < until_s and age_s < life_s:
            dies = age_s + 1 >= life_s
            table.step(age_s, age_s + 1, survivors=not dies, deaths=dies)
            age_s += 1
        if age_s < life_s:
            alive.append((age_s, 1.0))
    return table, alive


@given(st.floats(min_value=0.0, max_value=1e6))
def test_an_age_lies_in_its_class(age_s: float) -> None:
    number = age_class(age_s)

    assert begin_of_class(number) <= age_s * (1 + 1e-9)
    assert age_s <= begin_of_class(number + 1) * (1 + 1e-9)


def test_where_none_goes_all_ages_are_settled() -> None:
    table, alive = lived([1e9] * 90)

    assert table.settled_age_s(alive, share=0.75) == 0.0


def test_where_all_go_at_one_age_none_is_settled() -> None:
    table, alive = lived([20.0] * 90)

    assert table.settled_age_s(alive, share=0.75) is None


def test_where_most_go_young_those_above_are_settled() -> None:
    rng = random.Random(1)
    table, alive = lived([rng.choice([2.0, 3.0, 1e9]) for _ in range(90)])

    settled_s = table.settled_age_s(alive, share=0.75)

    assert settled_s is not None
    assert 1.5 <= settled_s <= 5.0


def test_where_one_in_ten_goes_all_ages_are_settled() -> None:
    rng = random.Random(2)
    table, alive = lived([rng.uniform(0, 50) if rng.random() < 0.1 else 1e9 for _ in range(90)])

    assert table.settled_age_s(alive, share=0.75) == 0.0


def test_where_all_go_by_chance_at_any_age_none_is_settled_for_long() -> None:
    rng = random.Random(3)
    table, alive = lived([rng.expovariate(1 / 15) for _ in range(90)])

    settled_s = table.settled_age_s(alive, share=0.75)

    assert settled_s is None or settled_s > 25.0


def in_one_class(*, came: int, died: int, there: int) -> float | None:
    """The settled age where all that is known is of one class of age."""
    table = LifeTable()
    table.enter(10.0, came)
    table.died[age_class(10.0)] = died
    return table.settled_age_s([(10.0, there)], share=0.75)


def test_two_deaths_of_seven_may_be_chance() -> None:
    assert in_one_class(came=7, died=2, there=0) == 0.0
    assert in_one_class(came=70, died=24, there=0) is None


def test_who_is_still_of_an_age_has_been_in_it_for_half_of_it_only() -> None:
    assert in_one_class(came=20, died=6, there=0) == 0.0
    assert in_one_class(came=20, died=6, there=14) is None
