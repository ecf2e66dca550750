"""Four short texts that cost a model very different numbers of tokens."""

from __future__ import annotations

ENGLISH = (
    "A language model never sees letters. It reads pieces that a tokenizer has learned, so the number of times that "
    "r stands in a word like strawberry is hidden inside them."
)
PYTHON = """def fibonacci(n: int) -> int:
    if n < 2:
        return n
    return fibonacci(n - 1) + fibonacci(n - 2)"""
GERMAN = "Die Geschwindigkeitsbegrenzung überrascht jeden, der zum ersten Mal über die Grenze fährt."
EMOJI = "Well done 🦊 family 👩‍👧 naïve 🙂"

EXAMPLES = (("English", ENGLISH), ("Python", PYTHON), ("German", GERMAN), ("Emoji and accents", EMOJI))

DIGITS = "In 2026, 8,849 m and 299792458 m/s; 3.14159265 of 1,234,567 parts, by 07:45 on 31.12.1999."
COMPARED = "Thou shalt count 1234567 apples, return None, and über the sea we sail tomorrow."
PARTS = {"English": ENGLISH, "German": GERMAN, "Code": PYTHON, "Digits": DIGITS}
