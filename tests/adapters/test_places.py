"""Cities and countries from coordinates, checked against what everybody knows and against the slow way."""

from __future__ import annotations

import random

import pytest

from knownas.adapters import places
from knownas.adapters.places import place, places_are_installed


@pytest.mark.parametrize(
    ("latitude", "longitude", "found"),
    [
        (51.9, -8.47, ("Cork", "Ireland")),
        (53.35, -6.26, ("Dublin", "Ireland")),
        (59.91, 10.75, ("Oslo", "Norway")),
        (-36.85, 174.76, ("Auckland", "New Zealand")),
        (-18.14, 178.44, ("Suva", "Fiji")),
        (64.15, -21.94, ("Reykjavík", "Iceland")),
        (0, 0, None),
        (90, 0, None),
        (-90, 180, None),
        (30, -40, None),
    ],
)
def test_coordinates_are_in_the_nearest_city_and_its_country(
    latitude: float, longitude: float, found: tuple[str, str] | None
) -> None:
    assert places_are_installed()
    assert place(latitude, longitude) == found


def test_no_nearer_city_is_overlooked_also_across_the_date_line() -> None:
    rng, cities = random.Random(3), places._cities()
    somewhere = [
        (city.latitude + rng.uniform(-1, 1), city.longitude + rng.uniform(-1, 1)) for city in rng.sample(cities, 25)
    ]
    for latitude, longitude in [*somewhere, (-16.8, 179.99), (-16.8, -179.99), (66.0, 180.0), (66.0, -180.0)]:
        distance, nearest = min((places._distance(latitude, longitude, city), city) for city in cities)
        near = distance < places.FARTHEST_KM / places.KM_OF_A_DEGREE
        assert place(latitude, longitude) == ((nearest.name, nearest.country) if near else None)
