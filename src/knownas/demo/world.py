"""The small world of the shop: what people are called, where they live, what they use and what is for sale."""

from __future__ import annotations

import unicodedata
from typing import Any, Final, NamedTuple


class Place(NamedTuple):
    """A city that visitors come from."""

    city: str
    country: str
    latitude: float
    longitude: float
    timezone: str
    language: str


class Client(NamedTuple):
    """A browser (`browser` is set) or the shop's app (`app_version` is set) on an operating system."""

    prefix: str
    os: str
    os_version: str
    browser: str | None
    app_version: str | None


_FIRST_NAMES: Final = (
    "Aisha Amara Anders Anjali Aoife Arjun Ayumi Bruno Camille Chidi Chiara Dalia Daniel Elif Emeka Emma Fatima "
    "Felipe Freya Giulia Grace Hana Hugo Ingrid Ivana Jack Jamal João José Kai Kofi Laila Leon Lucía Maite Mei Mihai "
    "Naledi Niamh Noah Olga Omar Priya Quân Ravi Renée Sami Siobhán Sofia Tariq Tomás Uma Viktor Wanjiru Yara Yusuf "
    "Zoë Zuzana"
)

_LAST_NAMES: Final = (
    "Abebe Ali Andersson Asante Banerjee Bauer Bianchi Byrne Castro Chen Costa Demir Dlamini Dubois Eriksen Fernández "
    "Flores García Haddad Hansen Hoang Ibrahim Ivanova Jansen Kaya Khan Kim Kovač Kowalska Kumar Lefèvre López Martin "
    "Mbeki Mensah Moreau Müller Murphy Mwangi Nagy Nakamura Ncube Nguyen Novák Okafor Oliveira Patel Pereira Popescu "
    "Quinn Rossi Saito Santos Schmidt Silva Singh Tanaka Tran Walsh Wang Yilmaz"
)

FIRST_NAMES: Final = tuple(_FIRST_NAMES.split())
LAST_NAMES: Final = tuple(_LAST_NAMES.split())

PLACES: Final = (
    Place("Dublin", "IE", 53.35, -6.26, "Europe/Dublin", "en"),
    Place("Cork", "IE", 51.9, -8.47, "Europe/Dublin", "en"),
    Place("London", "GB", 51.51, -0.13, "Europe/London", "en"),
    Place("Glasgow", "GB", 55.86, -4.25, "Europe/London", "en"),
    Place("Lisbon", "PT", 38.72, -9.14, "Europe/Lisbon", "pt"),
    Place("Bilbao", "ES", 43.26, -2.93, "Europe/Madrid", "es"),
    Place("Lyon", "FR", 45.76, 4.84, "Europe/Paris", "fr"),
    Place("Leipzig", "DE", 51.34, 12.37, "Europe/Berlin", "de"),
    Place("Bologna", "IT", 44.49, 11.34, "Europe/Rome", "it"),
    Place("Bergen", "NO", 60.39, 5.32, "Europe/Oslo", "nb"),
    Place("Kraków", "PL", 50.06, 19.94, "Europe/Warsaw", "pl"),
    Place("Brno", "CZ", 49.2, 16.61, "Europe/Prague", "cs"),
    Place("İzmir", "TR", 38.42, 27.13, "Europe/Istanbul", "tr"),
    Place("Accra", "GH", 5.6, -0.19, "Africa/Accra", "en"),
    Place("Lagos", "NG", 6.52, 3.38, "Africa/Lagos", "en"),
    Place("Nairobi", "KE", -1.29, 36.82, "Africa/Nairobi", "sw"),
    Place("Durban", "ZA", -29.86, 31.02, "Africa/Johannesburg", "zu"),
    Place("Pune", "IN", 18.52, 73.86, "Asia/Kolkata", "mr"),
    Place("Kochi", "IN", 9.93, 76.27, "Asia/Kolkata", "ml"),
    Place("Đà Nẵng", "VN", 16.05, 108.2, "Asia/Ho_Chi_Minh", "vi"),
    Place("Kobe", "JP", 34.69, 135.2, "Asia/Tokyo", "ja"),
    Place("Melbourne", "AU", -37.81, 144.96, "Australia/Melbourne", "en"),
    Place("Recife", "BR", -8.05, -34.88, "America/Recife", "pt"),
    Place("Oaxaca", "MX", 17.07, -96.72, "America/Mexico_City", "es"),
    Place("Montréal", "CA", 45.5, -73.57, "America/Toronto", "fr"),
    Place("Portland", "US", 45.52, -122.68, "America/Los_Angeles", "en"),
)

CLIENTS: Final = (
    Client("web", "Windows", "11", "Chrome", None),
    Client("web", "Windows", "11", "Edge", None),
    Client("web", "macOS", "15.1", "Safari", None),
    Client("web", "Linux", "6.12", "Firefox", None),
    Client("web", "Android", "15", "Chrome", None),
    Client("web", "iOS", "18.2", "Safari", None),
    Client("app", "Android", "15", None, "4.2.0"),
    Client("app", "Android", "14", None, "4.1.3"),
    Client("app", "iOS", "18.2", None, "4.2.1"),
)

TABLET: Final = Client("tablet", "iPadOS", "18.1", None, "2.0.5")

CAMPAIGNS: Final[tuple[dict[str, str], ...]] = (
    {"campaign": "spring-table", "source": "newsletter", "medium": "email"},
    {"campaign": "tea-week", "source": "instagram", "medium": "social"},
    {"campaign": "brand", "source": "google", "medium": "cpc"},
)

_SHELVES: Final = {
    "kitchen": {
        "Cast iron pan": 49.0, "Bread knife": 34.5, "Mixing bowl": 18.0, "Pepper mill": 27.9, "Chopping board": 22.0,
        "Rolling pin": 14.5,
    },
    "tea": {
        "Assam, loose": 9.8, "Sencha": 12.4, "Rooibos": 7.5, "Teapot, stoneware": 39.0, "Tea strainer": 6.9,
        "Kettle": 59.0,
    },
    "garden": {
        "Secateurs": 24.0, "Watering can": 29.5, "Wildflower seeds": 4.2, "Planter, terracotta": 16.0,
        "Kneeling mat": 11.0,
    },
    "home": {
        "Wool blanket": 79.0, "Linen towel": 15.5, "Desk lamp": 64.0, "Beeswax candle": 8.5, "Wall clock": 45.0,
        "Laundry basket": 32.0,
    },
    "books": {
        "Bread for beginners": 21.0, "The year in a garden": 26.5, "Soups": 18.9, "Repair it yourself": 24.0,
    },
    "travel": {"Canvas bag": 38.0, "Flask": 28.0, "Rain jacket": 89.0, "Folding cup": 9.9},
}  # fmt: skip

CATEGORIES: Final = tuple(_SHELVES)

PRODUCTS: Final[tuple[dict[str, Any], ...]] = tuple(
    {"sku": f"{category[:2].upper()}-{number:02d}", "name": name, "category": category, "price": price}
    for category, shelf in _SHELVES.items()
    for number, (name, price) in enumerate(shelf.items(), start=1)
)

PRODUCT_BY_NAME: Final = {product["name"]: product for product in PRODUCTS}

SEARCHES: Final = (
    "teapot", "green tea", "bread knife", "gift", "blanket", "seeds", "lamp", "rain", "pan", "cookbook", "candle",
    "flask",
)  # fmt: skip


def as_address(name: str) -> str:
    """A name as it stands in an e-mail address: plain small letters."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).lower() if "a" <= letter <= "z")
