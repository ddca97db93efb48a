"""The steering view as a person sees it, and the same answer as the store has it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, expect

from midcourse.trace.display import END, Display
from midcourse.trace.text import Tokenizer, to_text
from midcourse.trace.tree import Steer, Trace
from tests.studio.browser.process import Studio
from tests.studio.browser.tab import Tab
from tests.waiting import until

SYSTEM = "You explain things to six-year-olds, in short plain sentences."
QUESTION = "Why is the sky blue?"


def begin(studio: Studio, question: str = QUESTION, *, go_on: bool = True, **sampling: float) -> str:
    """A new conversation, by the API."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    body = {"messages": messages, "sampling": {"max_tokens": 60} | sampling, "go_on": go_on}
    return str(studio.post("/traces", body, code=201)["trace"])


class Steering:
    """The answer that a tab shows."""

    def __init__(self, tab: Tab, studio: Studio, tokenizer: Tokenizer) -> None:
        self.tab, self.studio, self.tokenizer = tab, studio, tokenizer
        self.page = tab.page
        self.answer = self.page.locator("mc-answer .answer")
        self.tokens = self.answer.locator(".t[data-depth]")
        self.bar = self.page.locator("mc-answer-bar")
        self.line = self.page.get_by_role("textbox", name="Correction")

    @property
    def id(self) -> str:
        """The conversation's id, as the address has it."""
        return self.tab.route.removeprefix("/steer/").partition("?")[0]

    def open(self, id: str) -> None:
        """Go to a conversation."""
        self.tab.go(f"#/steer/{id}")
        expect(self.answer).to_be_visible()

    def watch(self, id: str) -> None:
        """Go to a conversation, and let the model write once it is seen: unwatched, it would stop after a moment."""
        self.open(id)
        self.tab.connected()
        self.studio.post(f"/traces/{id}/write", {"version": self.studio.get(f"/traces/{id}")["version"]})
        self.writing()

    def caught_up(self) -> None:
        """Wait until the page has heard of all that was done to the answer."""
        version = "import('/static/js/store.js').then(({store}) => store.state.trace?.version)"
        until(lambda: self.page.evaluate(version) == self.studio.get(f"/traces/{self.id}")["version"], "hearing of it")

    # ---- looking -------------------------------------------------------------------------------------------------

    def token(self, depth: int) -> Locator:
        """The token at a depth."""
        return self.answer.locator(f'.t[data-depth="{depth}"]')

    def find(self, text: str) -> int:
        """The depth of the token at which `text` begins; waits until it is shown."""
        until(lambda: text in self.text(), f"{text!r} being shown")
        at, depth = self.text().index(text), 0
        for found, token in enumerate(self.tokens.all_text_contents()):
            at, depth = at - len(token), found
            if at < 0:
                break
        return depth

    def text(self) -> str:
        """The answer as it is shown."""
        return "".join(self.tokens.all_text_contents())

    def writing(self, tokens: int = 3) -> None:
        """Wait until the model writes, and has written some tokens."""
        expect(self.bar.get_by_role("button", name="Stop")).to_be_visible()
        before = self.tokens.count()
        expect(self.token(before + tokens - 1)).to_be_attached()

    def at_rest(self) -> None:
        """Wait until the model does nothing more, and nothing is being sent."""
        expect(self.bar.get_by_role("button", name="Stop")).to_have_count(0)
        expect(self.line).to_have_count(0)

    # ---- the store -----------------------------------------------------------------------------------------------

    def stored(self) -> Trace:
        """This trace, on disk."""
        return self.studio.trace(self.id)

    def steer(self) -> Steer:
        """The last steer on disk."""
        return self.stored().steers[-1]

    def decoded(self, ids: list[int]) -> str:
        """What ids read as."""
        return to_text(self.tokenizer, [one for one in ids if one not in self.tokenizer.end_ids])

    def agree(self) -> None:
        """What the page shows is the accepted answer on disk."""

        def same() -> bool:
            self.at_rest()
            self.caught_up()
            trace = self.stored()
            return self.tokens.all_text_contents() == self._displayed(trace.answer(trace.head))

        until(same, "the page's showing what is stored")

    def _displayed(self, ids: list[int]) -> list[str]:
        """What stands in each token's element; an end's sign is drawn by its style."""
        display = Display(self.tokenizer)
        return ["" if text == END else text for text in map(display.next, ids)]

    def changes(self, what: Callable[[Trace], object], do: Callable[[], object]) -> None:
        """`do` changes `what` of the stored trace; wait for that, and until the page has heard of it."""
        before = what(self.stored())
        do()
        until(lambda: what(self.stored()) != before, "the change on disk")
        self.caught_up()
