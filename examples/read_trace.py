#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""read_trace.py FILE: the events of a pciem trace as JSON lines. Written from docs/trace-format.md;
needs Python 3.8 and msgpack (Debian: python3-msgpack)."""
import json, struct, sys, zlib
import msgpack

KINDS = ("? cfg-read cfg-write mmio-read mmio-write io-read io-write mmio-read-request mmio-read-completion dma-read dma-write dma-atomic "
         "p2p-read p2p-write irq dma-map dma-unmap dma-sync reset power bind unbind remove fault mark lost watch").split()
SYNC, U64 = b"\xd7PCIeM\r\n", (1 << 64) - 1

def frames(data):
    at = ordinal = 0
    while at < len(data):
        ext, length, kind_of_ext, sync, crc, kind, codec, tag, number, stored, raw = struct.unpack_from("<B4sB8sIBBxxIIII", data, at)
        end = at + 38 + stored
        assert (ext, kind_of_ext, sync) == (0xC9, 0x50, SYNC) and int.from_bytes(length, "big") == 32 + stored, f"no frame at byte {at}"
        assert number == ordinal and zlib.crc32(data[at + 18:end]) == crc, f"damaged frame at byte {at}"
        body = data[at + 38:end]
        body = zlib.decompress(body, -15) if codec == 1 else body
        assert len(body) == raw
        yield kind, msgpack.unpackb(body, strict_map_key=False), tag
        at, ordinal = end, ordinal + 1

def column(data, n):
    if data is None:
        return [0] * n
    at, out = 1, []

    def varint():
        nonlocal at
        value = shift = 0
        while data[at] > 127:
            value, at, shift = value | (data[at] & 127) << shift, at + 1, shift + 7
        at += 1
        return value | data[at - 1] << shift

    if data[0] == 2:
        words = [varint() for _ in range(varint())]
        bits = 1 if len(words) <= 2 else 2 if len(words) <= 4 else 4 if len(words) <= 16 else 8
        return [words[data[at + i * bits // 8] >> (i * bits % 8) & ((1 << bits) - 1)] for i in range(n)]
    while len(out) < n:
        value = varint()
        out += [value] * (n if data[0] == 0 else 1 if data[0] == 1 else varint())
    return out

def unzigzag(z):
    return z >> 1 if z & 1 == 0 else -(z >> 1) - 1

def events(data):
    segment, blobs, home = -1, [], 0
    for kind, m, tag in frames(data):
        if kind == 1:
            assert m["version"] == 1 and tag == int(m["uuid"][:8], 16)
            home = m["devices"][0]["slot"] if m["devices"] else 0
        if kind in (2, 3) and m["segment"] != segment:
            segment, blobs = m["segment"], []
        if kind == 3:
            blobs += m["blobs"]
        elif kind in (4, 5):
            yield {"kind": "mark" if kind == 4 else "lost", "seq": m["seq"], "time": m["time"], "slot": m.get("slot", home), "text": m.get("text"), "value": m.get("count", 0)}
        elif kind == 2:
            c = {name: column(m["columns"].get(name), m["count"]) for name in "shape seq time cause addr value context cpu pid slot data latency".split()}
            last, seq, time, blob = {}, m["seq"], m["time"], m.get("blob", 0)
            for i in range(m["count"]):
                shape, coded, data_ = c["shape"][i], c["context"][i], None
                number, flags = shape & 255, shape >> 32
                seq, time = (seq + unzigzag(c["seq"][i])) & U64, (time + unzigzag(c["time"][i])) & U64
                e = {"seq": seq, "time": time, "kind": KINDS[number], "func": shape >> 8 & 255, "bar": shape >> 16 & 255, "width": shape >> 24 & 255, "flags": flags,
                     "slot": c["slot"][i] ^ home, "cpu": c["cpu"][i], "pid": c["pid"][i], "latency": c["latency"][i]}
                for name in ("cause", "addr", "value"):
                    e[name] = last[name, number] = (last.get((name, number), 0) + unzigzag(c[name][i])) & U64
                e["class"], instance = coded & 7, coded >> 3
                e["instance"] = (seq - instance if coded & 7 == 3 else instance) & 0x1FFFFFFF
                if c["data"][i]:
                    data_ = blobs[blob] if c["data"][i] == 1 else blobs[blob - c["data"][i] + 1]
                    blob += c["data"][i] == 1
                e["data"] = data_.hex() if data_ is not None else None
                yield e
                seq += 2 if flags & 0x8000 else 1

def joined(events):
    request = None
    for e in events:
        if request and e["kind"] == "mmio-read-completion" and (e["slot"], e["seq"], e["cause"]) == (request["slot"], request["seq"] + 1, request["seq"]):
            e = {**request, "kind": "mmio-read", "value": e["value"], "flags": request["flags"] | 0x8000, "latency": e["time"] - request["time"]}
        elif request:
            yield request
        request = e if e["kind"] == "mmio-read-request" else None
        if not request:
            yield e
    if request:
        yield request

for event in joined(events(open(sys.argv[1], "rb").read())):
    print(json.dumps(event))
