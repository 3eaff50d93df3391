#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a page says, held against verdict.json, and whether its own links lead anywhere.

    page.py RESULTS...      prints what is wrong, and "N numbers the same" when nothing is
"""
import html.parser
import json
import os
import sys

VOID = {"meta", "input", "br", "img", "link"}


class Page(html.parser.HTMLParser):
    """Texts of the elements with data-json, ids and links; whether every element is closed."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.ids, self.links, self.wrong = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if "id" in a:
            self.ids.append(a["id"])
        if "href" in a:
            self.links.append(a["href"])
        for name in a:
            if name.startswith("on") or name == "src":
                self.wrong.append(f"<{tag} {name}=...> does something")
        if tag in ("script", "iframe", "object", "embed", "img", "link"):
            self.wrong.append(f"<{tag}> in the page")
        if tag not in VOID:
            where = [a["data-json"], ""] if "data-json" in a else None
            if where:
                self.texts.append(where)
            self.open.append((tag, where))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(f"</{tag}> closes nothing at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, where in self.open:
            if where:
                where[1] += data


def at(value, pointer):
    for token in pointer.split("/")[1:]:
        value = value[int(token)] if isinstance(value, list) else value[token]
    return value


def as_text(value):
    return "" if value is None else str(value)


def check(folder):
    with open(os.path.join(folder, "report.html"), encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(folder, "verdict.json"), encoding="utf-8") as f:
        verdict = json.load(f)
    page = Page()
    page.feed(text)
    wrong = page.wrong + [f"<{tag}> is never closed" for tag, _ in page.open]
    for pointer, said in page.texts:
        try:
            there = as_text(at(verdict, pointer))
        except (KeyError, IndexError, TypeError):
            wrong.append(f"verdict.json has no {pointer}")
            continue
        if said != there:
            wrong.append(f"{pointer}: the page says {said!r}, verdict.json {there!r}")
    for i in {i for i in page.ids if page.ids.count(i) > 1}:
        wrong.append(f"the id {i} is there twice")
    for link in page.links:
        if link.startswith("#") and link[1:] not in page.ids:
            wrong.append(f"the link {link} leads nowhere")
        elif not link.startswith("#") and not os.path.exists(os.path.join(folder, link)):
            wrong.append(f"the link {link} leads to no file of the results")
    for i, c in enumerate(verdict["checks"]):
        if not any(p == f"/checks/{i}/figure" for p, _ in page.texts):
            wrong.append(f"{c['name']} is not on the page")
    return wrong, len(page.texts)


def main():
    bad = 0
    for folder in sys.argv[1:]:
        wrong, n = check(folder)
        for w in wrong:
            print(f"{folder}: {w}")
        bad += len(wrong)
        if not wrong:
            print(f"{n} numbers the same")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
