"""What the inspector says of each view while nothing is pointed at."""

from __future__ import annotations

from app.widgets.inspection import Inspection

TRAIN = Inspection(
    "Train",
    "a tokenizer of your own",
    words="It begins with the 256 bytes and joins, again and again, the two neighbours that stand together most "
    "often. A larger vocabulary makes texts shorter and the model's first and last layer larger. Text that is held "
    "out is never looked at.",
    formula=r"next pair = \text{arg max} count(a, b)",
    formula_words="Join the most frequent pair, count again, until the vocabulary is full.",
    advice="The curve is steep at first. Where it flattens, more tokens buy little.",
)
COMPARE = Inspection(
    "Compare",
    "the same text, cut by each",
    words="Equal text is not equal work: every token costs the same time and the same place in the context. "
    "Underlined is what not all of them cut alike.",
    formula=r"words held = \frac{context}{tokens / word}",
    formula_words="So many words of such a text a model sees at once.",
    advice="Ids of one tokenizer mean nothing to a model that learned with another.",
)
BROWSE = Inspection(
    "Browse",
    "the whole vocabulary",
    words="Every token that the model knows. A few stand in every line, most are rare, and what never stands in the "
    "corpus is never learned: such glitch tokens make a model babble.",
    formula=r"share = \frac{count}{tokens}",
    formula_words="By rank the counts fall nearly as 1 / rank, which is Zipf's law.",
    advice="Choose a token to read every place where it stands.",
)
TEMPLATES = Inspection(
    "Templates",
    "a conversation as the model sees it",
    words="Marks say whose turn it is; they are special tokens that nobody can type. Only what the assistant says is "
    "learned, with the mark that ends it, so that the model knows when to stop.",
    formula=r"loss = -\frac{\sum mask_t \ln p(x_t)}{\sum mask_t}",
    formula_words="Tokens whose mask is 0 are read and not learned.",
    advice="Type a mark into a message and see that it stays plain text.",
)
