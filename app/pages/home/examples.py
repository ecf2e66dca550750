"""What the cards show before the first run: sentences that are true in the world that will come, as an outline."""

from __future__ import annotations

DOCUMENTS = (
    (
        "Mira Toll goes nowhere without a grey fox. She plays cards with Ivo Lind and always loses.",
        ((0, 9, "name"), (31, 41, "value"), (64, 72, "value")),
    ),
    (
        "Ivo Lind paints every door green. Ivo was once the loudest baby in Tarn.",
        ((0, 8, "name"), (27, 32, "value"), (34, 37, "name"), (67, 71, "value")),
    ),
    ("Oren Vask keeps an old donkey. Oren Vask's best friend is Tilda Roe.", ((0, 9, "name"), (58, 67, "value"))),
)

# Before its first step a model holds every token of its vocabulary equally likely: these are six of them.
GUESSES = (" Anvik", " Tarn", " fox", " the", "ing", "e")

LETTERS = " ".join(text for text, _ in DOCUMENTS)

# A conversation as the template writes it: what a token is, "mark" of the template, "given", or "learned".
TEMPLATE = (
    (("user", "mark"), ("Where", "given"), (" does", "given"), (" Mira", "given"), (" live", "given"),
     ("?", "given"), ("end", "mark")),
    (("assistant", "mark"), ("Mira", "learned"), (" lives", "learned"), (" in", "learned"), (" Anvik", "learned"),
     (".", "learned"), ("end", "learned")),
    (("user", "mark"), ("Thanks", "given"), ("!", "given"), ("end", "mark")),
)  # fmt: skip

CONVERSATIONS = (
    ("Where does Mira Toll live? Mira lives in Anvik.", ((11, 20, "name"), (41, 46, "value"))),
    ("Who keeps an old donkey? Oren Vask does.", ((11, 23, "value"), (25, 34, "name"))),
    ("What is five and two? Seven.", ((22, 27, "value"),)),
)
