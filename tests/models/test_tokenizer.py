"""`HFTokenizer`: exact bytes, end tokens, fingerprint, prompt, over every kind of tokenizer."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from midcourse.errors import ModelError, SteerError
from midcourse.models.tokenizer import HFTokenizer
from midcourse.trace.text import Tokenizer, to_bytes, to_text
from tests import tokenizers

kinds = pytest.mark.parametrize("kind", tokenizers.EXACT)


@kinds
def test_bytes_agree_with_the_tokenizers_own_decoder(kind):
    """After an anchor, so that decoders which strip the first space do not matter."""
    tok = tokenizers.get(kind)
    anchor = tok.encode("a")
    for text in ("hello world", " a  b", "naïve café", "你好 世界", "understanding 12345"):
        ids = [*anchor, *tok.encode(text)]
        own = tok.tokenizer.sp_model if kind == "sentencepiece" else tok.tokenizer
        assert to_bytes(tok, ids).decode() == own.decode(ids)


@kinds
def test_no_prefix_space_and_no_normalization(kind):
    tok = tokenizers.get(kind)
    for text in ("hello", " hello", "  hello", "ﬁ", "e\u0301", "a\r\nb", "▁a", "\n", ""):
        assert to_text(tok, tok.encode(text)) == text


@kinds
def test_special_tokens_typed_as_text_are_text(kind):
    tok = tokenizers.get(kind)
    special = set(tok.tokenizer.all_special_ids)
    for name in tokenizers.SPECIAL:
        ids = tok.encode(f"a {name} b{name}")
        assert not special & set(ids)
        assert to_text(tok, ids) == f"a {name} b{name}"


@kinds
def test_special_tokens_and_unknown_ids_have_no_bytes(kind):
    tok = tokenizers.get(kind)
    assert to_bytes(tok, [*tok.tokenizer.all_special_ids, tok.size + 5]) == b""


@kinds
def test_the_end_is_the_templates_end_of_turn(kind):
    made = tokenizers.build(kind)
    end = made.convert_tokens_to_ids("<|im_end|>")
    tok = HFTokenizer(made, SimpleNamespace(eos_token_id=[3]))
    assert tok.end_id == end
    assert tok.end_ids == {end, made.eos_token_id, 3}


def test_without_an_end_of_turn_the_end_is_the_tokenizers_own():
    made = tokenizers.build("byte-level", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    assert HFTokenizer(made).end_id == made.eos_token_id


def test_without_any_end_it_is_refused():
    made = tokenizers.build("byte-level", "{{ messages[0].content }}")
    bare = type(made)(tokenizer_object=made.backend_tokenizer)
    with pytest.raises(ModelError, match="no token that ends an answer"):
        HFTokenizer(bare)
    assert HFTokenizer(bare, 7).end_id == 7


@kinds
def test_the_prompt_is_what_transformers_makes(kind):
    tok = tokenizers.get(kind)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello 你好"}]
    own = tok.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert tok.prompt(messages) == own


def test_no_chat_template_is_one_clear_error():
    with pytest.raises(ModelError, match="no chat template"):
        HFTokenizer(tokenizers.build("byte-level", None)).prompt([{"role": "user", "content": "hi"}])


def test_a_refused_conversation_is_one_clear_error():
    template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(ModelError, match="refuses this conversation: roles must alternate"):
        HFTokenizer(tokenizers.build("byte-level", template)).prompt([{"role": "user", "content": "hi"}])


def test_fingerprints_tell_tokenizers_and_templates_apart(tmp_path):
    prints = {tokenizers.get(kind).fingerprint for kind in tokenizers.KINDS}
    prints.add(HFTokenizer(tokenizers.build("byte-level", "other")).fingerprint)
    assert len(prints) == len(tokenizers.KINDS) + 1
    tokenizers.build("digits").save_pretrained(tmp_path)
    assert HFTokenizer(AutoTokenizer.from_pretrained(tmp_path)).fingerprint == tokenizers.get("digits").fingerprint


def test_limits_of_whoever_saved_it_last_are_not_obeyed(tmp_path):
    """transformers writes the truncation and the padding of its last call into `tokenizer.json`."""
    built = tokenizers.build("byte-level")
    wanted = HFTokenizer(tokenizers.build("byte-level"))
    built.backend_tokenizer.enable_truncation(8)
    built.backend_tokenizer.enable_padding(length=64)
    built.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "tokenizer.json").read_text())["truncation"]
    found = HFTokenizer(AutoTokenizer.from_pretrained(tmp_path))
    text, messages = "hello there " * 10, [{"role": "user", "content": "hello there " * 10}]
    for one in (found, found.extended(["<more>"])):
        assert one.prompt(messages) == wanted.prompt(messages)
        assert one.encode(text) == wanted.encode(text)
        assert one.whole(text) == wanted.whole(text)


def test_what_the_vocabulary_lacks_is_named():
    with pytest.raises(SteerError, match=r"the character '\\n' \(U\+000A\)|the character '🦄'"):
        tokenizers.get("unigram-unk").encode("hello 🦄")


@pytest.mark.model
def test_the_bundled_tokenizer(bundled_path):
    tok: Tokenizer = HFTokenizer(AutoTokenizer.from_pretrained(bundled_path))
    text = '```toml\nname = "Ada"\nage = 36\n``` 🙂 中文 <|im_end|> '
    assert to_text(tok, tok.encode(text)) == text
    assert tok.end_ids == {2}
    assert tok.prompt([{"role": "user", "content": "hi"}])[-3:] == [1, 520, 9531, 198][-3:]


def test_importing_is_light():
    code = "import sys, midcourse.models.tokenizer; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
