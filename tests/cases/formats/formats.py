#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a schema cannot say of a JUnit file, and verdict.json against its JSON Schema.

    formats.py junit FILE...            counts are true, no class and name is there twice
    formats.py verdict SCHEMA FILE...
    formats.py jobs README FLAGS         the CI jobs that README has
"""
import json
import re
import sys
import xml.etree.ElementTree as tree


def junit(path):
    root = tree.parse(path).getroot()
    total = {"tests": 0, "failures": 0, "errors": 0}
    seen = set()
    for suite in root:
        cases = suite.findall("testcase")
        true = {"tests": len(cases), "failures": len(suite.findall("testcase/failure")),
                "errors": len(suite.findall("testcase/error")),
                "skipped": len(suite.findall("testcase/skipped"))}
        for name, n in true.items():
            if int(suite.get(name)) != n:
                yield f"{suite.get('name')}: {name} is {suite.get(name)}, there are {n}"
            if name in total:
                total[name] += n
        for case in cases:
            key = (case.get("classname"), case.get("name"))
            if key in seen:
                yield f"twice: {key}"
            seen.add(key)
            for bad in case.findall("failure") + case.findall("error"):
                if "reproduce: " not in bad.text:
                    yield f"{key}: it does not say how to reproduce it"
    for name, n in total.items():
        if int(root.get(name)) != n:
            yield f"in all {name} is {root.get(name)}, there are {n}"


def verdict(schema, path):
    import jsonschema  # pylint: disable=import-outside-toplevel
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    for e in jsonschema.Draft7Validator(schema).iter_errors(document):
        yield f"{'/'.join(str(p) for p in e.absolute_path)}: {e.message[:200]}"


def jobs(readme, flags):
    """The flags that doctor lists are what the two jobs of README give."""
    import yaml  # pylint: disable=import-outside-toplevel
    with open(readme, encoding="utf-8") as f:
        text = f.read()
    blocks = {b.split("\n", 1)[0]: b for b in re.findall(r"```(?:yaml|toml)\n(.*?)```", text, re.S)}
    github = yaml.safe_load(blocks["# .github/workflows/worstday.yml"])
    gitlab = yaml.safe_load(blocks["# .gitlab-ci.yml"])
    options = " ".join(github["jobs"]["gate"]["container"]["options"].split())
    runner = blocks["[runners.docker]"]
    if gitlab["gate"]["artifacts"]["reports"]["junit"] != "worstday.xml":
        yield "GitLab is not told of the JUnit file"
    with open(flags, encoding="utf-8") as f:
        for flag in f.read().splitlines():
            if flag not in options:
                yield f"the job for GitHub lacks {flag}"
            if f'"{flag.split()[1]}"' not in runner:
                yield f"the runner of GitLab lacks {flag}"


def main(kind, *files):
    wrong = 0
    schema = None
    if kind == "jobs":
        wrong = list(jobs(*files))
        print("\n".join(wrong), end="\n" if wrong else "")
        return bool(wrong)
    if kind == "verdict":
        with open(files[0], encoding="utf-8") as f:
            schema = json.load(f)
        files = files[1:]
    for path in files:
        for words in junit(path) if kind == "junit" else verdict(schema, path):
            print(f"{path}: {words}")
            wrong += 1
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
