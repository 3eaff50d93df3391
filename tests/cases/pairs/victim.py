#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service that can be killed, hung and restarted: says which life of it this is."""
import socket
import time

life = f"{time.monotonic_ns()}\n".encode()
server = socket.create_server(("127.0.0.1", 7001))
print("ready", flush=True)
while True:
    s, _ = server.accept()
    with s:
        s.sendall(life)
