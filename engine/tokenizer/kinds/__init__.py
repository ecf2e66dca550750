"""One file is one kind of tokenizer. Each has

load(data) -> Tokenizer        from what `Tokenizer.to_json` gave; ValueError in plain words for anything else
learn(texts, vocab_size, stopping) -> Generator[Event, None, Tokenizer | None]
                               learns from texts, tells how far it is; None when it was stopped
"""
