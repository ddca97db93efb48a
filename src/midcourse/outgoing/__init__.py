"""Corrections as other tools take them: each format writes rows that its own trainer reads as exactly the tokens meant.

settings.py       the formats, and what each is for
supervised.py     what of a trace is trained on: pairs of one steer, and paths with masks
spelling.py       ids as text of which a peer's tokenizer makes the same ids
tally.py          what went out, what was left out, and what a format cannot say
trl.py            preference, KTO and SFT rows of TRL
axolotl.py        segments
swift.py          messages with a loss for each part
llama_factory.py  turns without a template
table.py          rows as Parquet
folder.py         all of it as one folder for `datasets`; card.py its page
write.py          a format to its file or folder

Invariants: what is supervised is what our own trainer would train on (`learn/items.py`), and nothing follows the last
supervised token of a row. A prompt goes out as the model saw it, special tokens and all, so the peer's own chat
template has to be off. Steers that a format cannot express are left out and counted; nothing is bent to fit.
"""
