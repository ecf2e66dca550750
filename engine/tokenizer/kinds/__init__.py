"""One file is one kind of tokenizer. Each has

load(data) -> Tokenizer        from what `Tokenizer.to_json` gave; ValueError in plain words for anything else
learn(texts, vocab_size, pattern, min_frequency) -> Generator[Event, None, Tokenizer]
                               learns and tells how far it is; closing it ends the work at once. Imported ones have none
"""
