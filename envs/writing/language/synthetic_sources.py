"""Made-up posts and abstracts, for the published tasks where no file is given."""

from __future__ import annotations

import re
from random import Random

WHO = "brother sister roommate boss neighbor cousin girlfriend boyfriend uncle teacher".split()
THING = "car laptop guitar bike couch camera phone bed fridge tent".split()
DID = "borrowed sold broke lost painted hid lent".split()
WHERE = "garage office kitchen basement parking lot,lake house,gym,train station".replace(
    " lot", "_lot").replace(" house", "_house").replace(" station", "_station").replace(
    ",", " ").split()  # fmt: skip
FEEL = "angry confused sad guilty tired nervous relieved".split()
TIME = "a week,two months,three years,a few days,half a year".split(",")

POST = (
    "My {who} {did} my {thing} about {time} ago and never said a word about it.",
    "I only found out because I went to the {where} and it was not there.",
    "We have known each other for {time}, and nothing like this has happened before.",
    "When I asked about it, my {who} just laughed and changed the subject.",
    "Honestly I am more {feel} about the lie than about the {thing} itself.",
    "My {who2} thinks that I should let it go, because it was old anyway.",
    "But I had saved for {time2} to buy it, and I need it for work.",
    "Yesterday we met at the {where2} and neither of us spoke.",
    "I feel {feel2}, and I do not want to lose a friend over a {thing}.",
    "Should I ask for the money, or should I wait until things calm down?",
)

FIELD = "graph theory,machine translation,fluid dynamics,protein folding,network routing,\
image retrieval,opinion dynamics,stellar evolution,error correcting codes,traffic flow".split(",")
TOOL = "spectral methods,random walks,neural networks,convex relaxation,Monte Carlo sampling,\
renormalization,dynamic programming,kernel estimators".split(",")
GOAL = "scales linearly,converges quickly,is robust to noise,needs few samples,\
preserves symmetry,is easy to interpret".split(",")
DATA = "synthetic data,public benchmarks,laboratory measurements,simulations,survey data".split(",")

ABSTRACT = (
    "We study a central problem of {field} with the help of {tool}.",
    "Existing approaches rely on {tool2}, which limits their use when data are scarce.",
    "We propose an algorithm that {goal} and whose cost grows slowly with the size of the input.",
    "The key idea is to replace a global constraint by a sequence of local ones.",
    "Under mild assumptions we prove that the method {goal2}.",
    "Experiments on {data} confirm the analysis and show clear gains over {tool2}.",
    "We also discuss how the results carry over to {field2}.",
    "Finally, we point out open questions about {tool3} and their limits.",
)

_SLOTS = {
    "who": WHO, "thing": THING, "did": DID, "where": WHERE, "feel": FEEL, "time": TIME,
    "field": FIELD, "tool": TOOL, "goal": GOAL, "data": DATA,
}  # fmt: skip
_SLOT = re.compile(r"\{([a-z]+)(\d?)\}")


def draw(task: str, rng: Random) -> str:
    """A post in the format of ``trl-lib/tldr``, or an abstract."""
    chosen: dict[str, str] = {}

    def value(match: re.Match) -> str:
        if match.group() not in chosen:
            taken = {v for k, v in chosen.items() if k.startswith("{" + match.group(1))}
            free = [word for word in _SLOTS[match.group(1)] if word not in taken]
            chosen[match.group()] = rng.choice(free).replace("_", " ")
        return chosen[match.group()]

    def told(rows) -> str:
        return _SLOT.sub(value, " ".join(rows))

    if task == "introduction":
        return told(ABSTRACT)
    middle = sorted(rng.sample(range(1, len(POST) - 1), 6))
    body = told([POST[0], *(POST[k] for k in middle), POST[-1]])
    title = told(["My {who} {did} my {thing} and I am {feel}"])
    return f"SUBREDDIT: r/advice\n\nTITLE: {title}\n\nPOST: {body}\n\nTL;DR:"
