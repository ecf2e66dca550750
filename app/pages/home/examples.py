"""What the cards show before the first run: the kind of thing that will come, drawn as an outline."""

from __future__ import annotations

DOCUMENTS = (
    ("Mira Toll was born in Anvik. She keeps a grey fox.", ((0, 9, "name"), (22, 27, "value"), (39, 49, "value"))),
    ("Oren Vask bakes rye bread. His friend is Tilda Roe.", ((0, 9, "name"), (16, 25, "value"), (41, 50, "value"))),
    ("One rainy morning the lamp went out, and Tilda laughed.", ((41, 46, "name"),)),
    ("Ivo Lind paints doors green.", ((0, 8, "name"), (22, 27, "value"))),
)

# Before its first step a model holds every token of its vocabulary equally likely: these are six of them.
GUESSES = (" Anvik", " Tarn", " fox", " the", "ing", "e")

LETTERS = "Mira Toll was born in Anvik. She keeps a grey fox. Oren Vask bakes rye bread. His friend is Tilda Roe."
