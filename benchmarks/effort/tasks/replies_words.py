"""What customers write, and what a person in the house answers; `{}` is the product.

The three splits share no message and no product. `tests/effort/test_replies.py` holds them apart.
"""

from __future__ import annotations

from benchmarks.effort.tasks.task import Split

PRODUCTS: dict[Split, str] = {
    "train": """
        lamp kettle chair sofa radio jacket clock bicycle mirror camera toaster blanket desk carpet backpack
        guitar heater ladder mattress""",
    "dev": "vacuum suitcase tent pillow piano stool basket freezer",
    "held-out": "rug printer watch table drill coat fan wardrobe",
}

MESSAGES: dict[Split, list[tuple[str, str]]] = {
    "train": [
        (
            "The {} that I bought is broken.",
            "We are sorry that the {} is broken. Please send us a photo of it, and we will send a new one this week.",
        ),
        (
            "I was charged twice for the {}.",
            "Thank you for telling us. We will check the payment for the {} and pay the second sum back this week.",
        ),
        (
            "Can I change the colour of my {}?",
            "Yes, that is possible until we pack the {}. Please write to us which colour you would like.",
        ),
        (
            "My {} has not come yet.",
            "We are sorry that the {} is late. It left our shop on Monday, and we will ask the driver where it is.",
        ),
        (
            "The manual for the {} is missing.",
            "Thank you for your message. We will send you the manual for the {} by email today.",
        ),
        (
            "How do I return a {}?",
            "Please pack the {} in its box and bring it to any post office. We will pay you back when it has arrived.",
        ),
        (
            "The {} is too big for me.",
            "We are happy to exchange the {} for a smaller one. Please send it back to us within two weeks.",
        ),
        (
            "You sent me the wrong {}.",
            "We are sorry for this mistake. Our driver will collect the wrong {} and bring the right one tomorrow.",
        ),
        (
            "When will the {} be in stock again?",
            "We expect more of the {} next month. We will write to you as soon as it is here.",
        ),
        (
            "There is a scratch on my new {}.",
            "We are sorry about the scratch. You can keep the {} at a lower price, or we will replace it.",
        ),
        (
            "I want to cancel my order of a {}.",
            "Thank you for letting us know. We have cancelled the {}, and there is nothing to pay.",
        ),
        (
            "Does the {} come with a guarantee?",
            "Yes, the {} has a guarantee of two years. We repair it for nothing in that time.",
        ),
        (
            "The {} makes a strange noise.",
            "Thank you for telling us about the noise. Please switch the {} off, and our workshop will call you.",
        ),
        (
            "Can you deliver the {} on Saturday?",
            "Yes, we deliver the {} on Saturday morning. Our driver will ring before he comes.",
        ),
        (
            "I lost the receipt for my {}.",
            "That is no trouble. We have your order of the {} on file and will send a new receipt.",
        ),
        ("Is the {} also sold in green?", "We sell the {} in green, grey and white. All of them are in our shop."),
    ],
    "dev": [
        ("A part of the {} is gone.", "We are sorry that a part of the {} is gone. We will post it to you today."),
        ("Do you repair a {}?", "Yes, our workshop can repair the {}. Please bring it to us on any weekday."),
        (
            "I paid for the {} and heard nothing.",
            "Thank you for your patience. We have your payment and will send the {} on Friday.",
        ),
        (
            "The colour of the {} is not as in the picture.",
            "We are sorry about the colour. Please send the {} back to us.",
        ),
        ("May I try the {} first?", "Yes, you can try the {} in our shop on any day but Sunday."),
        ("My neighbour got my {}.", "We are sorry for the mix-up. Our driver will bring the {} to your own door."),
    ],
    "held-out": [
        (
            "Where is the {} that I ordered?",
            "Thank you for asking. The {} is on its way, and we expect it at your door on Thursday.",
        ),
        (
            "The {} stopped working after a day.",
            "We are sorry that the {} stopped. Please send it back to us, and we will give you a new one.",
        ),
        (
            "Can I pay for the {} in two parts?",
            "Yes, you can pay for the {} in two parts. We will send you both bills by email.",
        ),
        (
            "I would like a discount on the {}.",
            "Thank you for your interest. We can offer the {} for five per cent less this week.",
        ),
        (
            "The box of my {} was open.",
            "We are sorry about the box. Please tell us whether the {} is complete, and we will help.",
        ),
        (
            "Why is the {} so expensive?",
            "The {} is made by hand in our own workshop. We use it ourselves and can recommend it.",
        ),
        (
            "Nobody answers the phone about my {}.",
            "We are sorry that you had to wait. Our team will call you about the {} this afternoon.",
        ),
        (
            "Please send the {} to my office.",
            "We have changed the address for the {}. It will come to your office on Tuesday.",
        ),
    ],
}
