"""Make the data of the examples: `python -m examples.data`. All rows are generated.

`visits/visits.xlsx` has visits to an acute clinic. `orders/orders.csv` has orders for medicines, with instructions for
patients. The same code always gives the same rows.
"""

import csv
import datetime
import random
from collections.abc import Iterator
from pathlib import Path

from openpyxl import Workbook

FOLDER = Path(__file__).parent
Cell = str | int | float | datetime.date

# Visits.
SEED, VISITS, MOST_VISITS = 5, 300, 3  # MOST_VISITS of one patient
HEADER = ("MRN", "Visit", "Seen on", "Note", "O2 saturation", "Temp", "Admit?", "Plan")
FORMATS = {"A": "000000", "C": "dd/mm/yyyy", "E": "0%", "F": '0.0 "°C"'}
FIRST_DAY, DAYS = datetime.date(2026, 1, 5), 180
SICK_SHARE, CHANGED_MIND = 0.45, 0.04  # shares of visits: severely ill; admitted or not against the signs
COMPLAINTS = (
    *("Cough", "Sore throat", "Fever and chills", "Chest tightness", "Vomiting", "Stomach pain", "Dizziness"),
    *("Pain when passing water", "Headache", "Swollen leg", "Wheeze", "Runny nose", "Back pain", "Diarrhoea"),
)
SINCE = (
    *("since Monday", "since last night", "since this morning", "for two days", "for three days", "for five days"),
    *("for a week", "since the weekend"),
)
HISTORY = (
    *("Lives alone", "Has asthma", "Former smoker", "No regular medicines", "Takes metformin", "Works in a school"),
    *("Came with a daughter", "Had a vaccination in autumn", "Has a pacemaker", "Takes a blood thinner", "Is a baker"),
    *(
        "Lives in a nursing home",
        "Plays football",
        "Has high blood pressure",
        "Came by bicycle",
        "Had an operation in May",
    ),
)
SEVERE = (
    *("Breathless at rest, speaks in single words", "Confused and drowsy", "Cannot keep fluids down, mouth is dry"),
    *("Breathes fast and uses the neck muscles", "Too weak to stand", "Skin is cold and mottled, pulse is weak"),
    *("Fainted twice at home", "Drank nothing for a day, hardly passes water"),
)
MILD = (
    *(
        "Walks well and talks in full sentences",
        "Eats and drinks as usual",
        "Chest is clear, alert",
        "Looks well, jokes",
    ),
    *(
        "Feels better than yesterday",
        "Slept well, no fever at night",
        "Examination is normal",
        "Stands and walks freely",
    ),
)
PLANS = {
    "yes": ("Admit, oxygen.", "Admit, fluids by drip.", "Admit, antibiotics by drip.", "Admit, watch overnight."),
    "no": ("Home, rest and fluids.", "Home, return if worse.", "Home, paracetamol.", "Home, phone call tomorrow."),
}

# Orders.
ORDERS = 160
DRUGS = {  # drug: doses, what the order warns of
    "metformin": (("500 mg", "850 mg"), "nausea"),
    "ibuprofen": (("200 mg", "400 mg"), "GI bleed"),
    "amoxicillin": (("250 mg", "500 mg"), "rash"),
    "metronidazole": (("250 mg", "500 mg"), "no EtOH"),
    "doxycycline": (("50 mg", "100 mg"), "no sun"),
    "lisinopril": (("5 mg", "10 mg"), "cough"),
    "prednisone": (("5 mg", "20 mg"), "insomnia"),
    "sertraline": (("25 mg", "50 mg"), "nausea"),
    "cetirizine": (("5 mg", "10 mg"), "drowsy"),
    "codeine": (("15 mg", "30 mg"), "drowsy"),
    "furosemide": (("20 mg", "40 mg"), "dizzy"),
    "naproxen": (("250 mg", "500 mg"), "GI bleed"),
}
FREQUENCIES = {"qd": "once a day", "bid": "twice a day", "tid": "three times a day", "qid": "four times a day"}
MEALS = {"ac": "before meals", "pc": "after meals", "c cibo": "with food"}
DURATIONS = {"x 5 d": "for 5 days", "x 7 d": "for 7 days", "x 14 d": "for 14 days", "x 30 d": "for 30 days"}
WARNINGS = {
    "nausea": "It may make you feel sick.",
    "GI bleed": "Call us if your stool is black.",
    "rash": "Stop and call us if your skin itches.",
    "no EtOH": "Do not drink alcohol.",
    "no sun": "Stay out of the sun.",
    "cough": "Call us if you get a dry cough.",
    "insomnia": "It may keep you awake.",
    "drowsy": "Do not drive, it makes you sleepy.",
    "dizzy": "Stand up slowly, you may feel dizzy.",
}
REVIEWS = {"f/u 1 wk": "Come back in 1 week.", "f/u 2 wk": "Come back in 2 weeks.", "f/u 1 mo": "Come back in 1 month."}


def visits() -> list[list[Cell]]:
    """Draw the rows of the workbook, with the columns of HEADER. A patient has up to MOST_VISITS rows.

    The note of a severely ill patient names a sign of SEVERE. Such a patient tends to have a low saturation and fever,
    and is usually admitted.
    """
    draw = random.Random(SEED)
    rows: list[list[Cell]] = []
    patient = 4711
    while len(rows) < VISITS:
        day = FIRST_DAY + datetime.timedelta(days=draw.randrange(DAYS))
        for visit in range(1, min(draw.randint(1, MOST_VISITS), VISITS - len(rows)) + 1):
            sick = draw.random() < SICK_SHARE
            sentences = (
                f"{draw.choice(COMPLAINTS)} {draw.choice(SINCE)}",
                draw.choice(HISTORY),
                draw.choice(SEVERE if sick else MILD),
            )
            saturation = draw.randint(84, 94) if sick else draw.randint(92, 99)
            temperature = draw.randint(372, 402) if sick else draw.randint(362, 386)
            admitted = "yes" if sick != (draw.random() < CHANGED_MIND) else "no"
            note = f"{'. '.join(sentences)}."
            plan = draw.choice(PLANS[admitted])
            rows.append([patient, visit, day, note, saturation / 100, temperature / 10, admitted, plan])
            day += datetime.timedelta(days=draw.randint(2, 20))
        patient += draw.randint(1, 9)
    return rows


def workbook() -> Workbook:
    """Make the workbook of visits. The columns in FORMATS, such as the date, have Excel's number formats."""
    book = Workbook()
    sheet = book.active
    sheet.title = "Visits"
    for row in (HEADER, *visits()):
        sheet.append(row)
    for column, number_format in FORMATS.items():
        for cell in sheet[column][1:]:
            cell.number_format = number_format
    for column, width in {"C": 12, "D": 90, "E": 14, "H": 28}.items():
        sheet.column_dimensions[column].width = width
    legend = book.create_sheet("Legend")
    legend.append(("Generated visits. They describe no patient. MIT licence.",))
    return book


def orders() -> list[dict[str, str]]:
    """Draw rows with an `Order` in a physician's abbreviations, and an `Instruction` that says the same plainly."""
    draw = random.Random(SEED)
    instructions: dict[str, str] = {}
    while len(instructions) < ORDERS:
        instructions.update(_orders(draw))
    return [{"Order": order, "Instruction": text} for order, text in instructions.items()]


def _orders(draw: random.Random) -> Iterator[tuple[str, str]]:
    drug = draw.choice(tuple(DRUGS))
    doses, warning = DRUGS[drug]
    dose, tablets = draw.choice(doses), draw.randint(1, 2)
    frequency, meal, duration, review = (
        draw.choice(tuple(words)) for words in (FREQUENCIES, MEALS, DURATIONS, REVIEWS)
    )
    order = f"{drug} {dose} {tablets} tab po {frequency} {meal} {duration}; {warning}; {review}"
    taken = f"Take {tablets} tablet{'s' if tablets > 1 else ''} of {drug} ({dose}) {FREQUENCIES[frequency]}"
    yield order, f"{taken} {MEALS[meal]} {DURATIONS[duration]}. {WARNINGS[warning]} {REVIEWS[review]}"


def main() -> None:
    """Write visits/visits.xlsx and orders/orders.csv."""
    workbook().save(FOLDER / "visits/visits.xlsx")
    rows = orders()
    with open(FOLDER / "orders/orders.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
