#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""read_trace.py FILE: the events of a pciem trace as JSON lines. Written from docs/trace-format.md; needs python3-msgpack."""
import json, msgpack, struct, sys, zlib

KINDS = ("? cfg-read cfg-write mmio-read mmio-write io-read io-write mmio-read-request mmio-read-completion dma-read dma-write dma-atomic "
         "p2p-read p2p-write irq dma-map dma-unmap dma-sync reset power bind unbind remove fault mark lost watch").split()
COLUMNS = "shape seq time context cpu pid slot data latency cause addr value".split()

def frames(file):  # (kind, map) of each
    at = ordinal = 0
    while at < len(file):
        c9, length, ext, sync, crc, kind, codec, tag, number, stored, _ = struct.unpack_from("<B4sB8sIBBxxIIII", file, at)
        body, owner = file[at + 38:at + 38 + stored], owner if at else tag
        sound = (c9, ext, sync, number, tag) == (0xC9, 0x50, b"\xd7PCIeM\r\n", ordinal, owner) and int.from_bytes(length, "big") == 32 + stored
        assert sound and zlib.crc32(file[at + 18:at + 38] + body) == crc, f"no whole frame {ordinal} at byte {at}"
        yield kind, msgpack.unpackb(zlib.decompress(body, -15) if codec == 1 else body, strict_map_key=False)
        at, ordinal = at + 38 + stored, ordinal + 1

def varint(stream):
    byte = next(stream)
    return byte if byte < 128 else byte & 127 | varint(stream) << 7

def column(coded, n):  # all zeros if absent
    coding, *rest = coded or (0, 0)
    stream, out = iter(rest), []
    if coding == 2:
        words = [varint(stream) for _ in range(varint(stream))]
        bits, packed = next(bits for bits in (1, 2, 4, 8) if len(words) <= 1 << bits), list(stream)
        return [words[packed[i * bits // 8] >> i * bits % 8 & (1 << bits) - 1] for i in range(n)]
    while len(out) < n:
        out += [varint(stream)] * (n if coding == 0 else 1 if coding == 1 else varint(stream))
    return out

def add(value, zigzag):
    return value + (zigzag >> 1 ^ -(zigzag & 1)) & (1 << 64) - 1

def batch(m, blobs, home):
    seq, time, blob, last = m["seq"], m["time"], m.get("blob", 0), {}
    for shape, seqs, times, context, cpu, pid, slot, data, latency, *coded in zip(*(column(m["columns"].get(name), m["count"]) for name in COLUMNS)):
        kind, flags, seq, time = KINDS[shape & 255], shape >> 32, add(seq, seqs), add(time, times)
        last[kind] = [add(*pair) for pair in zip(last.get(kind, (0, 0, 0)), coded)]
        instance = seq - (context >> 3) & 0x1FFFFFFF if context & 7 == 3 else context >> 3
        yield {"seq": seq, "time": time, "kind": kind, "slot": slot ^ home, "func": shape >> 8 & 255, "bar": shape >> 16 & 255, "width": shape >> 24 & 255,
               "flags": flags, **dict(zip(COLUMNS[-3:], last[kind])), "class": context & 7, "instance": instance, "cpu": cpu, "pid": pid,
               "latency": latency, "data": blobs[blob + 1 - data].hex() if data else None}
        blob, seq = blob + (data == 1), seq + (2 if flags & 0x8000 else 1)

def events(file):
    segment = None
    for kind, m in frames(file):
        if kind == 1:
            assert m["version"] == 1
            home = m["devices"][0]["slot"] if m["devices"] else 0
        elif kind in (2, 3):
            if m["segment"] != segment:
                segment, blobs = m["segment"], []
            blobs += m.get("blobs", [])
            yield from batch(m, blobs, home) if kind == 2 else ()
        elif kind in (4, 5):
            yield {"kind": KINDS[kind + 20], "seq": m["seq"], "time": m["time"], "slot": m.get("slot", home), "text": m.get("text"), "value": m.get("count", 0)}

def joined(events):  # a pair that a frame's end parted
    before = {"kind": None}
    for e in [*events, {"kind": None}]:
        pair = (before["kind"], e["kind"]) == ("mmio-read-request", "mmio-read-completion")
        if pair and (e["slot"], e["seq"], e["cause"]) == (before["slot"], before["seq"] + 1, before["seq"]):
            e = {**before, "kind": "mmio-read", "value": e["value"], "flags": before["flags"] | 0x8000, "latency": e["time"] - before["time"]}
        elif before["kind"]:
            yield before
        before = e

for event in joined(events(open(sys.argv[1], "rb").read())):
    print(json.dumps(event))
