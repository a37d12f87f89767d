"""Who takes part: the customers with the people and companies behind them, the operator and its partners.

Nobody here exists. Names are drawn from lists, mail goes to example.com, and telephone numbers start with
+999, which belongs to no country.
"""

import random
import unicodedata
from dataclasses import dataclass, field

from tmfgraph.demo.catalog import OPERATOR_ID, OPERATOR_NAME
from tmfgraph.demo.common import DAY, Document, Documents, moment, party


@dataclass(frozen=True)
class Country:
    """A country with the names that are common in it."""

    name: str
    language: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    streets: tuple[str, ...]
    company: str


@dataclass(frozen=True)
class City:
    name: str
    code: str
    post_code: str
    country: Country


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GERMANY = Country(
    "Germany",
    "de",
    _words("Anna Lukas Marie Jonas Lea Felix Hannah Moritz Clara Emil Greta Niklas Ida Theo"),
    _words("Brandt Vogel Lindner Kessler Hartmann Seidel Winkler Arndt Böhme Reuter Thiele Ebert Kühn"),
    ("Gartenstraße", "Lindenweg", "Am Mühlbach", "Schillerstraße"),
    "GmbH",
)
FRANCE = Country(
    "France",
    "fr",
    _words("Camille Louis Chloé Hugo Inès Jules Manon Léo Zoé Arthur Juliette Nathan Élise Paul"),
    _words(
        "Garnier Lemoine Chevalier Rousselle Fontaine Mercier Blanchet Perrin Marchand Delmas Aubry Carlier"
    ),
    ("rue des Tilleuls", "avenue de la Gare", "rue du Moulin", "place du Marché"),
    "SARL",
)
SPAIN = Country(
    "Spain",
    "es",
    _words("Lucía Hugo Martina Pablo Carmen Diego Elena Álvaro Nuria Iván Sara Marcos Irene Óscar"),
    _words("Navarro Castillo Iglesias Serrano Molina Ortega Vidal Campos Rivas Peña Soler Aguirre Cabrera"),
    ("calle del Olivo", "calle Mayor", "avenida del Puerto", "calle de la Fuente"),
    "S.L.",
)
POLAND = Country(
    "Poland",
    "pl",
    _words("Zofia Jan Hanna Antoni Maja Filip Julia Szymon Lena Wojciech Alicja Tomasz Ewa Michał"),
    _words("Nowicki Mazur Krawczyk Zając Wróbel Pawlak Sikora Baran Duda Szulc Kubiak Wilk Lis"),
    ("ulica Lipowa", "ulica Polna", "ulica Ogrodowa", "ulica Młyńska"),
    "sp. z o.o.",
)
SWEDEN = Country(
    "Sweden",
    "sv",
    _words("Elsa Oskar Astrid Viktor Maja Axel Freja Nils Saga Erik Linnea Gustav Tuva Anton"),
    _words(
        "Lindqvist Bergström Sandberg Nyström Ekholm Wallin Sjögren Hedlund Åkerman Forsell Dahlgren Norén"
    ),
    ("Björkvägen", "Storgatan", "Kvarngatan", "Ängsvägen"),
    "AB",
)

# Neighbours come from different countries, so that even the smallest demo has all five.
CITIES = (
    City("Leipzig", "LEJ", "04109", GERMANY),
    City("Nantes", "NTE", "44000", FRANCE),
    City("Valencia", "VLC", "46001", SPAIN),
    City("Wrocław", "WRO", "50-062", POLAND),
    City("Uppsala", "UPP", "753 20", SWEDEN),
    City("Bremen", "BRE", "28195", GERMANY),
    City("Dijon", "DIJ", "21000", FRANCE),
    City("Zaragoza", "ZAZ", "50001", SPAIN),
    City("Lublin", "LUZ", "20-002", POLAND),
    City("Örebro", "ORB", "702 10", SWEDEN),
    City("Kassel", "KSF", "34117", GERMANY),
    City("Rennes", "RNS", "35000", FRANCE),
    City("Málaga", "AGP", "29001", SPAIN),
    City("Poznań", "POZ", "61-001", POLAND),
    City("Linköping", "LPI", "582 22", SWEDEN),
    City("Erfurt", "ERF", "99084", GERMANY),
    City("Angers", "ANE", "49000", FRANCE),
    City("Murcia", "MJV", "30001", SPAIN),
    City("Gdynia", "GDY", "81-300", POLAND),
    City("Västerås", "VST", "722 11", SWEDEN),
)

STEMS = _words(
    "Velora Ostravine Quintaro Lumesk Brenvik Caldoro Fenwara Isolde Jorvath Maresol Tavelin Zephira"
)
TRADES = _words(
    "Bakery Dental Logistics Print Architects Optics Carpentry Travel Books Florists Garage Studio"
)


@dataclass
class Customer:
    """A customer whose story is told, with the documents that it is told in."""

    number: int
    rng: random.Random
    city: City
    business: bool
    name: str = ""
    joined: int = 0
    place: Document = field(default_factory=dict)
    media: list[Document] = field(default_factory=list)
    documents: list[tuple[str, Document]] = field(default_factory=list)
    products: int = 0

    @property
    def id(self) -> str:
        return f"C-{self.number:06}"

    @property
    def reference(self) -> Document:
        return party("Customer", self.id, self.name, "customer")

    @property
    def unpaid(self) -> bool:
        """Whether the customer stopped paying, and everything was suspended."""
        return self.number % 25 == 7

    @property
    def account(self) -> Document:
        return {"id": f"BA-{self.number:06}", "name": f"Account of {self.name}"}

    def add(self, kind: str, document: Document) -> Document:
        self.documents.append((kind, document))
        return document


def introduce(customer: Customer) -> None:
    """Writes the party and the customer, and fills in the customer's name and address."""
    rng, city, number = customer.rng, customer.city, customer.number
    customer.joined = (number * 37 % 120) * DAY + rng.randrange(600)
    given, family = rng.choice(city.country.given), rng.choice(city.country.family)
    street = f"{rng.choice(city.country.streets)} {rng.randint(1, 180)}"
    person = f"{given} {family}"
    customer.name = f"{rng.choice(STEMS)} {rng.choice(TRADES)} {city.name}" if customer.business else person
    customer.place = {
        "id": f"ADDR-{number:06}",
        "name": f"{street}, {city.post_code} {city.name}",
        "role": "installationAddress",
    }
    media = customer.media = _contact(
        f"{_plain(given)}.{_plain(family)}.{number}@example.com", f"+999 30 {number:07}", street, city
    )
    if customer.business:
        engaged = _company(customer, media, person)
    else:
        engaged = _person(customer, media, given, family)
    customer.add(
        "Customer",
        {
            "id": customer.id,
            "name": customer.name,
            "status": "active",
            "engagedParty": engaged,
            "contactMedium": media,
            "account": [{**customer.account, "description": "Monthly bill"}],
            "characteristic": [
                {"name": "segment", "value": "business" if customer.business else "residential"},
                {"name": "language", "value": city.country.language},
            ],
            "validFor": {"startDateTime": moment(customer.joined)},
        },
    )


def _person(customer: Customer, media: list[Document], given: str, family: str) -> Document:
    id, country, rng = f"IND-{customer.number:06}", customer.city.country, customer.rng
    born = moment(-rng.randrange(20 * 365, 75 * 365) * DAY)
    customer.add(
        "Individual",
        {
            "id": id,
            "givenName": given,
            "familyName": family,
            "fullName": customer.name,
            "birthDate": born,
            "nationality": country.name,
            "status": "validated",
            "contactMedium": media,
            "languageAbility": [{"languageCode": country.language, "isFavouriteLanguage": True}],
        },
    )
    return party("Individual", id, customer.name, "subscriber")


def _company(customer: Customer, media: list[Document], contact: str) -> Document:
    id, form = f"ORG-{customer.number:06}", customer.city.country.company
    customer.add("Organization", _organization(id, customer.name, form, media, {"contactPerson": contact}))
    return party("Organization", id, customer.name, "subscriber")


def _organization(
    id: str, name: str, form: str, media: list[Document], properties: dict[str, str] | None = None
) -> Document:
    return {
        "id": id,
        "name": name,
        "tradingName": f"{name} {form}",
        "nameType": form,
        "organizationType": "company",
        "isLegalEntity": True,
        "isHeadOffice": True,
        "status": "validated",
        "contactMedium": media,
        "partyCharacteristic": [{"name": key, "value": value} for key, value in (properties or {}).items()],
    }


def _contact(mail: str, phone: str, street: str, city: City) -> list[Document]:
    address = {"street1": street, "postCode": city.post_code, "city": city.name, "country": city.country.name}
    return [
        {"mediumType": "email", "preferred": True, "characteristic": {"emailAddress": mail}},
        {"mediumType": "phone", "preferred": False, "characteristic": {"phoneNumber": phone}},
        {"mediumType": "postalAddress", "preferred": False, "characteristic": address},
    ]


def _plain(name: str) -> str:
    """The name in ASCII, for a mail address."""
    decomposed = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L"))
    return decomposed.encode("ascii", "ignore").decode().lower()


def partner_documents() -> Documents:
    """The operator itself, and those who work for it everywhere."""
    media = _contact("service@nordhaven.example.com", "+999 30 0000000", "Harbour Road 1", CITIES[0])
    yield "Organization", _organization(OPERATOR_ID, OPERATOR_NAME, "AG", media)
    yield from _partner("ORG-RESELLER", "ROLE-RESELLER", "Kontora Shops", "partner", CITIES[1])
    yield from _partner("ORG-SUPPLIER", "ROLE-SUPPLIER", "Optavia Systems", "supplier", CITIES[4])


def installer(unit: int) -> Document:
    """A reference to the installer who works in a unit."""
    return party("PartyRole", f"ROLE-INSTALLER-{unit:04}", _installer_name(unit), "installer")


def installer_documents(unit: int) -> Documents:
    """The installer of a unit."""
    city = CITIES[unit % len(CITIES)]
    ids = f"ORG-INSTALLER-{unit:04}", f"ROLE-INSTALLER-{unit:04}"
    yield from _partner(*ids, _installer_name(unit), "installer", city)


def _installer_name(unit: int) -> str:
    return f"{STEMS[unit % len(STEMS)]} Fieldwork {unit}"


def _partner(id: str, role_id: str, name: str, role: str, city: City) -> Documents:
    media = _contact(f"office.{id.lower()}@example.com", "+999 30 1000000", "Market Square 2", city)
    yield "Organization", _organization(id, name, city.country.company, media)
    yield (
        "PartyRole",
        {
            "id": role_id,
            "name": name,
            "status": "active",
            "engagedParty": party("Organization", id, name, role),
            "contactMedium": media,
            "characteristic": [{"name": "role", "value": role}],
            "validFor": {"startDateTime": moment(-400 * DAY)},
            "relatedParty": [party("Organization", OPERATOR_ID, OPERATOR_NAME, "principal")],
        },
    )
