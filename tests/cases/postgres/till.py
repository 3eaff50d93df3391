#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A till that is psql: one transaction for each sale, told ok when it has committed."""
import json
import subprocess
import sys

BOOK = "INSERT INTO sales VALUES ('%s', %d) ON CONFLICT DO NOTHING"


def main():
    for line in sys.stdin:
        ask = json.loads(line)
        total = sum(item["qty"] * item["price"] for item in ask["items"])
        done = subprocess.run(
            ["psql", "-h", "db", "-U", "shop", "-qXAtc", BOOK % (ask["key"], total),
             "postgres"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        print(json.dumps({"id": ask["id"], "outcome": "ok" if done.returncode == 0 else "unknown",
                          "total": total}), flush=True)


main()
