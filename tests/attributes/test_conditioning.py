from midcourse.attributes.conditioning import Conditioning
from midcourse.attributes.manifest import Manifest
from midcourse.attributes.schema import Schema

SCHEMA = Schema.load("helpsteer")
ASKED = [{"role": "user", "content": "What is a fjord?"}]


def test_a_system_line_asks_for_what_is_wanted_in_the_schemas_order():
    found = Conditioning(attributes=SCHEMA).messages(ASKED, {"verbosity": 1, "helpfulness": 4})
    assert found == [{"role": "system", "content": "Answer with helpfulness 4, verbosity 1."}, *ASKED]


def test_a_system_message_that_is_there_keeps_its_words():
    said = [{"role": "system", "content": "Be kind."}, *ASKED]
    found = Conditioning(attributes=SCHEMA).messages(said, {"verbosity": 1})
    assert found[0]["content"] == "Be kind.\n\nAnswer with verbosity 1."
    assert said[0]["content"] == "Be kind."


def test_nothing_asked_for_is_the_plain_conversation():
    for way in ("system", "inline", "tokens"):
        conditioning = Conditioning(attributes=SCHEMA, way=way)
        assert conditioning.messages(ASKED, {}) == ASKED
        assert conditioning.after({}) == ""


def test_special_tokens_stand_before_the_answer():
    conditioning = Conditioning(attributes=SCHEMA, way="tokens")
    assert conditioning.messages(ASKED, {"verbosity": 1}) == ASKED
    assert conditioning.after({"verbosity": 1.2, "helpfulness": 4}) == "<|helpfulness=4|><|verbosity=1|>"
    assert len(conditioning.special) == 25
    assert "<|verbosity=1|>" in conditioning.special


def test_words_may_stand_where_the_answer_begins():
    inline = Conditioning(attributes=SCHEMA, way="inline")
    assert inline.messages(ASKED, {"verbosity": 1}) == ASKED
    assert inline.after({"verbosity": 1, "helpfulness": 4}) == "[helpfulness 4, verbosity 1]\n"
    assert inline.special == ()
    own = Conditioning(attributes=SCHEMA, way="inline", line="<{values}>", separator=",", value="{name}:{value}")
    assert own.after({"verbosity": 1.5, "helpfulness": 4}) == "<helpfulness:4,verbosity:1.5>"


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    one = Manifest(
        attributes=SCHEMA, conditioning=Conditioning(attributes=SCHEMA), model="bundled", tokenizer="abc", judges=("p",)
    )
    one.write(tmp_path)
    assert Manifest.read(tmp_path) == one
    assert Manifest.read(tmp_path / "elsewhere") is None
