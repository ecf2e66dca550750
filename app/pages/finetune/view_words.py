"""What the inspector says of each step while nothing is pointed at."""

from __future__ import annotations

from app.pages.finetune.header import COMPARE, DATA, RUN, TEMPLATE
from app.pages.finetune.run_inspections import MASKED_LOSS
from app.widgets.inspection import Inspection

SETUP = Inspection(
    "Before Start",
    "step 3 of 4",
    words="How much of the model may move, how fast, and what keeps it from forgetting. Muted values follow from "
    "the model and the data; type another and it is yours. Point at one to read what it does.",
    formula=r"θ_{t+1} = θ_t - η_t \cdot \frac{m_t}{\sqrt{v_t} + ε}",
    formula_words="Fine-tuning is training that goes on: the same updates, smaller, on other data.",
)

STEPS = {
    DATA: Inspection(
        "Data",
        "step 1 of 4",
        words="What the assistant is shown: questions with the answers it should give. A part is held out, never "
        "trained on and asked at every look; so one sees what was understood and what was only learned by "
        "heart.",
        formula=r"D = D_{\text{train}} + D_{\text{held out}}",
        formula_words="No question stands in both.",
        advice="From the world, from files, or written by yourself: choose above.",
    ),
    TEMPLATE: Inspection(
        "Template and mask",
        "step 2 of 4",
        words="A conversation becomes one row of tokens: special ones say whose turn it is. Only what the "
        "assistant says is trained, with the token that ends its turn; all else is only read.",
        formula=MASKED_LOSS,
        formula_words="m is 1 for trained tokens and 0 for those that are only read.",
        advice="Check that each answer’s end is trained: without it the model would never stop.",
    ),
    RUN: Inspection(
        "Run",
        "step 3 of 4",
        words="The loss of the assistant’s tokens falls quickly: the base knows its facts already and learns how "
        "to say them. Held-out loss decides which checkpoint is kept.",
        formula=MASKED_LOSS,
        formula_words="The mean surprise at the tokens that the assistant should say.",
        advice="Point at a curve or a number to read what it is.",
    ),
    COMPARE: Inspection(
        "Before and after",
        "step 4 of 4",
        words="The same held-out questions to both models. The base takes a question for a text and goes on; the "
        "tuned one answers and ends. Move the slider to see answers become answers.",
        formula=r"\text{exact} = \frac{\text{right answers}}{\text{questions asked}}",
        formula_words="Right is what equals an accepted answer, word for word, and ended by itself.",
        advice="Point at an answer or at a matrix of the map; below, ask both yourself.",
    ),
}
