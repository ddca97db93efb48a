"""A realistic measurement for tests of the report: notes → TOML cards, seeded, with awkward text on purpose."""

import math
import random
import re

from midcourse.measure.result import (
    Answer,
    Case,
    Drift,
    Measurement,
    Moved,
    Rival,
    Round,
    Side,
    Taken,
    Tokens,
    Written,
)

ATTACK = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">'
NAMES = ["Ada Brandt", "Jonas Weiß", "Mei 李", "Zoë Okafor", "Piotr Nowak", "Lina Haddad", "Tomás Rey", "Ines Dahl"]
CITIES = ["Porto", "Graz", "Leeds", "Turku", "Gdańsk", "Lyon"]


def tokens(text: str) -> Tokens:
    """Pieces roughly as a tokenizer would cut them."""
    pieces = re.findall(r"\s?\w{1,5}|\n|[^\w\n]", text)
    return Tokens(ids=[hash(piece) % 40_000 for piece in pieces], pieces=pieces)


def case(draw: random.Random, trace: int, steer: int) -> Case:
    name, city = NAMES[trace % len(NAMES)], CITIES[trace % len(CITIES)]
    context, chosen, rejected, third = [
        ("```toml\n", f'name = "{name}"\n', f"name: {name}\nage: 3", f"[contact]\nname = {name}"),
        (f'```toml\nname = "{name}"\n', f'city = "{city}"\n', f"city: {city}, EU\n", f"location = '{city}'"),
        (
            f'```toml\nname = "{name}"\ncity = "{city}"\n',
            'phone = "+43 660 1234"\n',
            "phone: 0660-1234\n",
            "tel = 0660",
        ),
        ('phone = "+43 660 1234"\n', "```⟨end⟩", "\nI hope this helps! 😊 Let me know if", "\n[notes]\n"),
    ][steer]
    right = draw.random() < 0.93
    before = Taken(
        chosen_logp=-draw.gauss(14, 4),
        rejected_logp=[-draw.gauss(5, 2)],
        way="rejected" if draw.random() < 0.93 else "other",
        wrote=tokens(rejected),
    )
    after = Taken(
        chosen_logp=-abs(draw.gauss(0.6, 1.2)) - (0 if right else 4),
        rejected_logp=[-draw.gauss(17, 5)],
        way="chosen" if right else draw.choice(["rejected", "other", "other"]),
        wrote=tokens(chosen if right else third),
    )
    return Case(
        trace=trace,
        steer=steer,
        prompt=f"Write the contact as a TOML card: {name} lives in {city}, phone 0660 1234.",
        context=tokens(context),
        context_cut=[0, 0, 0, 24][steer],
        chosen=tokens(chosen),
        rejected=[tokens(rejected)],
        ends=steer == 3,
        reason="stop after the card" if steer == 3 else None,
        before=before,
        after=after,
    )


def answer(draw: random.Random, trace: int) -> Answer:
    name, city = NAMES[trace % len(NAMES)], CITIES[trace % len(CITIES)]
    reference = f'```toml\nname = "{name}"\ncity = "{city}"\nphone = "+43 660 1234"\n```'
    right = draw.random() < 0.88
    return Answer(
        trace=trace,
        prompt=f"Write the contact as a TOML card: {name} lives in {city}, phone 0660 1234.",
        reference=reference,
        before=Written(
            text=f"Here is the contact:\n\nName: {name}\nCity: {city}\nPhone: 0660-1234\n\nI hope this helps! Let me",
            passed=False,
            fields=draw.choice([0, 0, 0, 0.25]),
            steers=draw.choice([3, 4, 4]),
            typed_tokens=draw.randint(36, 48),
        ),
        after=Written(
            text=reference if right else reference.replace("+43 660", "+44 66"),
            passed=right,
            fields=1.0 if right else 0.75,
            steers=0 if right else 1,
            typed_tokens=0 if right else 9,
        ),
    )


def measurement(answers: int = 40, *, seed: int = 0, attack: bool = False) -> Measurement:
    """As the demo leaves it. `attack` puts mark-up into every place where a model's text goes."""
    draw = random.Random(seed)
    cases = [case(draw, trace, steer) for trace in range(answers) for steer in range(4) if draw.random() < 0.92]
    written = [answer(draw, trace) for trace in range(answers)]
    if attack:
        evil = tokens(ATTACK)
        cases[0] = Case(
            trace=0,
            steer=0,
            prompt=ATTACK,
            context=evil,
            chosen=evil,
            rejected=[evil],
            reason=ATTACK,
            tags=[ATTACK],
            before=Taken(chosen_logp=-9, rejected_logp=[-1], way="rejected", wrote=evil),
            after=Taken(chosen_logp=-1, rejected_logp=[-9], way="other", wrote=evil),
        )
        bad = Written(text=ATTACK, passed=False, fields=0)
        written[0] = Answer(trace=0, prompt=ATTACK, reference=ATTACK, before=bad, after=bad)
    count = len(cases)
    after_right = sum(c.after is not None and c.after.way == "chosen" for c in cases) / count
    after_wrong = sum(c.after is not None and c.after.way == "rejected" for c in cases) / count
    return Measurement(
        created="2026-11-22T12:30:00+00:00",
        model=ATTACK if attack else "bundled",
        adapter=ATTACK if attack else "runs/demo/adapter",
        task="notes → TOML contact cards in a house format",
        check="midcourse.demo.task:check",
        seed=seed,
        versions={
            "midcourse": "0.1.0",
            "torch": "2.13.0",
            "transformers": "5.23.0",
            "peft": "0.21.0",
            "python": "3.11.9",
        },
        settings={"measure": {"replays": 256, "answers": 40}, "train": {"objective": "sft + accepted", "epochs": 4}},
        counts={"traces": answers, "steers": count, "replayed": count, "answers": answers, "drift_prompts": 24},
        timings={"margins": 11.2, "replay": 14.8, "effort": 26.4, "drift": 6.1, "total": 58.5},
        before=side(cases, written, "before", 0.02, 0.93, 0.07),
        after=side(cases, written, "after", after_right, after_wrong, 1 - after_right - after_wrong),
        drift=Drift(
            unrelated=Moved(
                texts=24,
                tokens=768,
                kl=0.021,
                kl_p95=0.09,
                top1_agreement=0.968,
                perplexity_before=1.71,
                perplexity_after=1.78,
            ),
            on_track=Moved(
                texts=40,
                tokens=1490,
                kl=0.84,
                kl_p95=4.1,
                top1_agreement=0.79,
                perplexity_before=4.8,
                perplexity_after=1.22,
            ),
        ),
        rounds=[
            Round(typed_tokens=331, steers_per_answer=1.6, fields=0.42, pass_rate=0.1, answers=10, steers=38),
            Round(typed_tokens=521, steers_per_answer=0.5, fields=0.91, pass_rate=0.62, answers=20, steers=59),
            Round(typed_tokens=589, steers_per_answer=0.2, fields=0.97, pass_rate=0.88, answers=30, steers=66),
        ],
        comparison=[
            Rival(name="8 whole rewrites", typed_tokens=365, fields=0.23, pass_rate=0.0, group="whole rewrites"),
            Rival(name="12 whole rewrites", typed_tokens=560, fields=0.71, pass_rate=0.2, group="whole rewrites"),
            Rival(name="16 whole rewrites", typed_tokens=739, fields=0.93, pass_rate=0.55, group="whole rewrites"),
        ],
        answers=written,
        cases=cases,
    )


def side(cases: list[Case], written: list[Answer], which: str, chosen: float, rejected: float, other: float) -> Side:
    taken = [getattr(c, which) for c in cases]
    texts = [getattr(a, which) for a in written]
    margins = sorted(t.margin for t in taken if t.margin is not None)
    return Side(
        accuracy=sum(m > 0 for m in margins) / len(margins),
        margin_mean=math.fsum(margins) / len(margins),
        margin_median=margins[len(margins) // 2],
        chosen_logp_per_token=-1.2,
        rejected_logp_per_token=-0.6,
        replay_chosen=chosen,
        replay_rejected=rejected,
        replay_other=other,
        pass_rate=sum(t.passed for t in texts) / len(texts),
        fields=math.fsum(t.fields for t in texts) / len(texts),
        steers_per_answer=math.fsum(t.steers or 0 for t in texts) / len(texts),
        typed_tokens_per_answer=math.fsum(t.typed_tokens or 0 for t in texts) / len(texts),
    )


def metrics() -> dict[str, object]:
    """Three rounds of training as metrics.json records them, one after the other."""
    epochs = []
    for at in range(12):
        gone = 1 - math.exp(-(at + 1) / 3) + (0.1 if at % 4 == 0 else 0)
        epochs.append(
            {
                "epoch": at % 4 + 1,
                "seconds": 7.4,
                "tokens": 4_200,
                "loss": 2.6 * (1.1 - gone) + 0.06,
                "margin": -8 + 26 * gone,
                "accuracy": min(1, 0.1 + 0.9 * gone),
                "chosen_logp_per_token": -1.9 + 1.7 * gone,
                "rejected_logp_per_token": -0.6 - 1.6 * gone,
                "accepted_logp_per_token": -0.4 + 0.3 * gone,
                "chosen_change": None,
                "rejected_change": None,
            }
        )
    return {"steers": 66, "tokens": 21_400, "seconds_per_epoch": 7.4, "dtype": "float32", "epochs": epochs}
