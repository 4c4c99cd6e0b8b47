# SPDX-License-Identifier: MIT
# transfer.py receive ADDRESS | send ADDRESS BYTES: random bytes over a TCP connection; each end prints how many there were, and their SHA-256.
import hashlib
import os
import socket
import sys

PORT = 5001
CHUNK = 1 << 16


def receive(address):
    with socket.create_server((address, PORT)) as server:
        server.settimeout(60)
        print("listening", flush=True)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            while chunk := connection.recv(CHUNK):
                yield chunk


def send(address, count):
    with socket.create_connection((address, PORT), timeout=60) as connection:
        while count > 0:
            chunk = os.urandom(min(CHUNK, count))
            connection.sendall(chunk)
            count -= len(chunk)
            yield chunk


what, address, *rest = sys.argv[1:]
digest, total = hashlib.sha256(), 0
for chunk in receive(address) if what == "receive" else send(address, int(rest[0])):
    digest.update(chunk)
    total += len(chunk)
print(what, total, digest.hexdigest(), flush=True)
