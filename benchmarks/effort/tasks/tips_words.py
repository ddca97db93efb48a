"""What tips are given for: things (`THINGS`), and what is done with them, with three tips of a person (`ADVICE`).

The three splits share neither things nor actions. `{}` is the thing.
"""

from __future__ import annotations

from benchmarks.effort.tasks.task import Split

THINGS: dict[Split, str] = {
    "train": """
        bicycle kitchen garden piano camera boat tent guitar desk sofa carpet window mirror jacket backpack ladder
        kettle clock table bed
        shed boiler pond sink scooter""",
    "dev": "car violin lamp coat fridge bathroom wardrobe canoe",
    "held-out": """
        chair house printer radio saddle mattress drill fence suitcase stove rug telescope
        flat balcony ring hat""",
}

ADVICE: dict[Split, dict[str, tuple[str, str, str]]] = {
    "train": {
        "cleaning": (
            "Wipe the {} with a damp cloth once a week.",
            "Use warm water and a little soap.",
            "Let everything dry before you use it again.",
        ),
        "buying": (
            "Decide how much you want to spend.",
            "Compare the {} with two others.",
            "Ask for a guarantee in writing.",
        ),
        "repairing": (
            "Find out what exactly is broken.",
            "Order the right parts for the {}.",
            "Take photos while you take it apart.",
        ),
        "selling": (
            "Clean the {} and take good photos.",
            "Ask for a fair price.",
            "Answer every question on the same day.",
        ),
        "painting": (
            "Sand the {} until it is smooth.",
            "Put on two thin coats of paint.",
            "Wait a day between the coats.",
        ),
        "choosing": (
            "Write down what you need it for.",
            "Try the {} before you decide.",
            "Do not choose by the looks alone.",
        ),
        "storing": (
            "Keep the {} in a dry place.",
            "Cover it with an old sheet.",
            "Look after it every few months.",
        ),
        "renting": (
            "Read the contract to the end.",
            "Note every scratch before you take the {}.",
            "Bring it back on time.",
        ),
    },
    "dev": {
        "drawing": (
            "Look at the {} for a while first.",
            "Begin with the large shapes.",
            "Add the shadows last.",
        ),
        "moving": (
            "Measure the doors before you begin.",
            "Ask a friend to help with the {}.",
            "Lift with your knees.",
        ),
        "insuring": (
            "Find out what the {} is worth.",
            "Compare three offers.",
            "Keep the bill in a safe place.",
        ),
        "designing": (
            "Make a sketch of the {} on paper.",
            "Show it to somebody who will use it.",
            "Change one thing at a time.",
        ),
        "protecting": (
            "Keep the {} out of the rain.",
            "Lock the door at night.",
            "Check it for damage in spring.",
        ),
    },
    "held-out": {
        "decorating": (
            "Choose two colours that go well together.",
            "Start with one corner of the {}.",
            "Stop before it is too much.",
        ),
        "photographing": (
            "Put the {} near a window.",
            "Use a plain background.",
            "Take more pictures than you need.",
        ),
        "building": (
            "Draw a plan of the {} first.",
            "Buy good wood and strong screws.",
            "Measure twice before you cut.",
        ),
        "testing": (
            "Make a list of what the {} should do.",
            "Try each thing more than once.",
            "Write down what you see.",
        ),
    },
}
