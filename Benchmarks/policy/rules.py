#!/usr/bin/env python3
"""Writes the rules and aliases that the policy rows are measured with: what large deployments have, by the thousand."""
import random

KINDS = 8


def pattern(i):
    return [rf"meet\.room{i}(@example\.com)?", rf"\+44{200_000 + i}\d{{3,6}}", rf"user{i}@dept{i % 97}\.example\.com",
            rf".*@site{i}\.example\.net", rf"9(00{100_000 + i}\d*)", rf"(?:vip|gold)\.{i}(?:@.*)?", rf"({7_000_000 + i})(@.+)?",
            rf"[a-z]+\.{i}@(?:eu|us)\.example\.org"][i % KINDS]


def form(i):
    """The same said in parts, where an admin would: half of the rules. Empty: the expression."""
    return [f"exact meet.room{i} domain example.com optional", f"prefix +44{200_000 + i} digits 3-6", f"exact user{i} domain dept{i % 97}.example.com",
            f"domain site{i}.example.net", "", "", "", ""][i % KINDS]


def alias(i):
    return [f"meet.room{i}@example.com", f"+44{200_000 + i}1234", f"user{i}@dept{i % 97}.example.com", f"bob@site{i}.example.net",
            f"900{100_000 + i}55", f"Gold.{i}@x.example", f"{7_000_000 + i}", f"anna.{i}@us.example.org"][i % KINDS]


def write(n, directory, aliases=4096, seed=1):
    """Every alias has a rule, at a random place among the n; one in sixteen has none."""
    r = random.Random(seed)
    with open(f"{directory}/patterns-{n}", "w") as f: f.writelines(pattern(i) + "\n" for i in range(n))
    with open(f"{directory}/forms-{n}", "w") as f: f.writelines(form(i) + "\n" for i in range(n))
    with open(f"{directory}/aliases-{n}", "w") as f:
        f.writelines((f"nobody.{r.randrange(10 ** 6)}@elsewhere.example" if k % 16 == 15 else alias(r.randrange(n))) + "\n" for k in range(aliases))
    return f"{directory}/patterns-{n}", f"{directory}/aliases-{n}"
