#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schemas of `worstday doc` against files.

    schemas.py EXPERIMENT-SCHEMA TARGET-SCHEMA good FILE...    each must be accepted
    schemas.py EXPERIMENT-SCHEMA TARGET-SCHEMA bad FILE...     each must be refused, but see BLIND

A file with `nodes:` is a target file. Files are read as YAML 1.2 reads them, as
editors do: `off` is a text, `20%` too.
"""
import json
import pathlib
import sys

import jsonschema
import ruamel.yaml

# Files of tests/invalid that a schema cannot refuse, and what it cannot see.
OTHER = "names that the target does not have"
BLIND = {
    "bank-target": OTHER, "disk-target": OTHER, "dns-target": OTHER, "fault-net-target": OTHER,
    "hook-target": OTHER, "target-lanes": OTHER, "target-missing": OTHER, "target-name": OTHER,
    "stock-unkept": "that the target's books have no stock",
    "device-faults": "a regular expression that is none",
    "device-serial": "a name in /dev", "device-serial-faults": OTHER, "target-serial": "such a name",
    "shop-count": "which of several keys is needed", "shop-hours": "what one value forbids another",
    "netem": "what one value forbids another",
    "when-not-yet": "what only this version cannot do",
    "target-aliases": "a name that is given twice",
    "target-banks": "two banks", "target-bank-ports": "what two keys say together",
    "target-driver-base": "a URL that needs `base:`",
    "target-goods": "what is in goods.csv",
    "target-variables": "variables that are not there",
}


def load(path):
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    value = yaml.load(pathlib.Path(path).read_bytes().decode())
    return json.loads(json.dumps(value, default=str))  # days are texts


def validators(experiment, target):
    found = []
    for path in (experiment, target):
        schema = json.loads(pathlib.Path(path).read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        found.append(jsonschema.Draft7Validator(schema))
    return found


def first_error(validator, value):
    errors = sorted(validator.iter_errors(value), key=lambda e: len(e.absolute_path))
    return jsonschema.exceptions.best_match(errors) if errors else None


def is_target(path, value):
    return pathlib.Path(path).name == "target.yml" or (isinstance(value, dict) and "nodes" in value)


def judge(path, kinds):
    """None: accepted; else why not."""
    try:
        value = load(path)
    except (ruamel.yaml.error.YAMLError, UnicodeDecodeError, ValueError, TypeError) as e:
        return f"not YAML: {str(e).splitlines()[0]}"
    e = first_error(kinds[is_target(path, value)], value)
    return e and f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"


def with_target(path):
    """An experiment of tests/invalid, and the bad target that it is about."""
    target = pathlib.Path(path).with_suffix("") / "target.yml"
    return [path, target] if target.exists() else [path]


def main(experiment, target, want, *paths):
    kinds = validators(experiment, target)
    failed = 0
    for path in paths:
        why = next(filter(None, (judge(p, kinds) for p in with_target(path))), None)
        name = pathlib.Path(path).stem
        if want == "good" and why:
            print(f"{path}: the schema refuses it: {why}")
            failed += 1
        elif want == "bad" and not why and name not in BLIND:
            print(f"{path}: the schema accepts it; if none can see what is wrong, say so in BLIND")
            failed += 1
        elif want == "bad" and why and name in BLIND:
            print(f"{path}: is refused ({why}); take it out of BLIND")
            failed += 1
    print(f"{len(paths)} {want} files, {failed} surprises")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
