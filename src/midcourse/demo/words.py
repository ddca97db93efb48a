"""The words that notes are made of, in two halves that share nothing: no first name, surname, city, job or sentence.

Every template mentions each of `{first} {last} {city} {age} {job} {phone}` exactly once. `tests/demo/test_notes.py`
holds the two halves apart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What one half of the notes may use."""

    firsts: tuple[str, ...]
    lasts: tuple[str, ...]
    cities: tuple[str, ...]
    jobs: tuple[str, ...]
    templates: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TRAIN = Words(
    firsts=_words("""
        Agnes Alice Amir Anna Arthur Beatrice Ben Bridget Carla Cedric Chen Conrad Daniel Delia Diego Edith
        Elena Emil Esther Felix Freya George Greta Hannah Hector Ingrid Irene Jack Jasper Julia Karim Kirsten
        Laura Leonard Lucy Marco Matilda Nadia Niels Oscar Petra Quentin Rachel Rosa Sven Tabitha Umberto Vera
        Yusuf Zelda"""),
    lasts=_words("""
        Abbott Ahmed Baker Becker Bianchi Brandt Carter Castillo Chang Dalton Delgado Dixon Eriksson Fischer
        Fletcher Garcia Goldberg Haas Hendricks Horvath Ibrahim Jansen Kaplan Keller Kowalski Lambert Lindgren
        Lopez Mercer Moreau Nakamura Novak Ortega Osborne Patel Quinn Ramirez Rossi Sandoval Schmidt Sinclair
        Stone Tanaka Thornton Vargas Walsh Weber Whitaker Yates Zimmer"""),
    cities=_words("""
        Ankara Antwerp Athens Austin Belfast Bergen Berlin Bologna Bristol Bucharest Cairo Calgary Cardiff
        Chicago Cologne Dallas Dresden Dublin Florence Geneva Granada Hamburg Hanoi Istanbul Kyoto Leipzig Lima
        Lisbon Lyon Madrid Marseille Memphis Milan Nagoya Naples Odessa Orlando Osaka Porto Prague Quito
        Rotterdam Santiago Seville Sofia Tampa Tokyo Utrecht Venice Warsaw"""),
    jobs=_words("""
        actor analyst architect baker beekeeper bookseller brewer cartographer chef cleaner cook courier dentist
        designer diver doctor driver editor engineer farmer florist gardener geologist goldsmith guide historian
        interpreter jeweller lawyer librarian locksmith mechanic midwife musician nurse optician painter
        pharmacist pilot potter printer roofer secretary surgeon surveyor teacher technician veterinarian weaver
        welder"""),
    templates=(
        "Met {first} {last} in {city}, {age} years old, works as a {job}. Phone {phone}.",
        "{first} {last} is a {job} from {city}. Age {age}. Number: {phone}.",
        "Call {phone} and ask for {first} {last}, the {job}, {age}, who lives in {city}.",
        "New contact: {first} {last}, {age}, {job} in {city}, tel. {phone}.",
        "In {city} there is a {job} called {first} {last}. Her number is {phone} and she is {age}.",
        "My neighbour {first} {last} ({age}) moved to {city}. He is a {job}, reach him at {phone}.",
        "The {job} we hired is {first} {last}, based in {city}, aged {age}. Ring {phone}.",
        "{phone} is the number of {first} {last}. {age}, a {job}, home is {city}.",
        "At {age}, {first} {last} became a {job}. Address in {city}, telephone {phone}.",
        "Please add {first} {last}: city {city}, job {job}, age {age}, phone {phone}.",
        "Talked to {first} {last} on {phone} today. A {job}, turned {age} in May, still in {city}.",
        "From {city}: {first} {last}, {job}. Celebrated {age} last week. Dial {phone}.",
        "Uncle {first} {last} has a new phone: {phone}. He is {age} and the best {job} of {city}.",
        "{job} wanted? {first} {last}, {city}, {phone}. Must be {age} or so.",
        "Our guest from {city} was {first} {last}. {age} years, {job}, and the number was {phone}.",
        "{first} {last}; {phone}; {city}; {job}; {age}",
        "I owe {first} {last} a letter. She is {age}, a {job}, and moved to {city} with the number {phone}.",
        "Note to self: ring the {job} {first} {last} ({phone}) before flying to {city}. {age} today!",
        "{city}, {phone}: that is where {first} {last} works as a {job} at the age of {age}.",
        "Tell doctor Hill that {first} {last}, {job}, {age}, of {city}, waits for a call on {phone}.",
        "Who was that {job}? {first} {last}, I think, {age} years old, {phone}, somewhere in {city}.",
        "A {age} year old {job} by the name of {first} {last} wrote from {city}. Answer to {phone}.",
        "{age} / {first} {last} / {phone} / {job} / {city}",
        "The team in {city} has a new {job}: {first} {last}, {age}. Extension {phone}.",
    ),
)

HELD_OUT = Words(
    firsts=_words("""
        Adam Amelia Andrew Astrid Bruno Camille Charles Clara David Dora Eduardo Eric Eva Fiona Florian Gloria
        Gustav Hassan Hugo Isabel Ivan Jane Joseph Kate Lars Linda Louis Magnus Mary Miriam Nathan Olivia Pablo
        Paul Priya Rafael Rita Ruth Selma Simon Susan Tomas Ursula Walter Wendy"""),
    lasts=_words("""
        Allen Andersen Bailey Barbosa Berg Bishop Campbell Cohen Cooper Duncan Ellis Fernandez Foster Gibson
        Grant Gruber Hansen Hayes Hoffmann Howard Hughes Kelly Kimura Larsen Long Mason Molina Morris Murphy
        Nelson Olsen Palmer Perez Petrov Porter Russell Santos Schneider Singh Torres Turner Vogel Ward Wolf
        Wright"""),
    cities=_words("""
        Amsterdam Atlanta Baltimore Bangkok Barcelona Beijing Boston Brussels Budapest Copenhagen Denver Detroit
        Edinburgh Frankfurt Glasgow Havana Helsinki Houston Jakarta Kiev Liverpool London Manchester Melbourne
        Miami Montreal Mumbai Munich Nairobi Oslo Paris Phoenix Rome Seattle Shanghai Singapore Stockholm Sydney
        Tehran Toronto Valencia Vienna Zurich"""),
    jobs=_words("""
        accountant artist astronomer barber biologist builder butcher carpenter chemist clerk coach composer
        dancer detective economist electrician firefighter journalist judge manager photographer physicist
        plumber poet professor programmer reporter sailor scientist sculptor singer soldier tailor translator
        waiter writer"""),
    templates=(
        "Do you remember {first} {last}? The {age}-year-old {job} in {city}. Mobile {phone}.",
        "Had lunch with {first} {last} from {city} - a {job} of {age}. You can reach them under {phone}.",
        "If you need a {job} in {city}, try {first} {last} at {phone}, {age} by now.",
        "Business card: {first} {last} / {job} / {city} / {phone} / {age} yrs",
        "{first} {last} just gave me a new number, {phone}. Lives near {city}, works as {job}, is {age}.",
        "My cousin {first} {last} turns {age} on Sunday; the {job}, {city} office, line {phone}.",
        "Save this: {phone}, {first} {last}, our {job} over in {city}, about {age}.",
        "On the train to {city} I sat beside a {job}, {first} {last}, {age}. Cell: {phone}.",
    ),
)
