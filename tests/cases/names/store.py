#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A store that books one sale per connection, by IPv4 and IPv6."""
import json
import socket
import sqlite3
import sys

if len(sys.argv) > 1:  # does it serve? says so by failing or not
    socket.create_connection(("db.example.com", 8000)).close()
    sys.exit()
db = sqlite3.connect("/var/lib/store/books.db", isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE IF NOT EXISTS sales(key TEXT, total INT, number INTEGER PRIMARY KEY)")
server = socket.create_server(("", 8000), family=socket.AF_INET6, dualstack_ipv6=True)
print("serving", flush=True)
while True:
    conn, _ = server.accept()
    with conn, conn.makefile() as lines:
        text = lines.readline()
        if text:
            sale = json.loads(text)
            db.execute("INSERT INTO sales(key, total) VALUES(?, ?)", (sale["key"], sale["total"]))
            conn.sendall(b"ok\n")
