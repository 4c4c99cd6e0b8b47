# SPDX-License-Identifier: MIT
# e1000-flood.py INTERFACE…: runs inside the guest; sets them up, and sends broadcasts from the first until it is gone.
import fcntl
import socket
import struct
import sys
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
FRAME = bytes.fromhex("ffffffffffff" "02e100000000" "88b5") + bytes(1000)

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    for name in sys.argv[1:]:
        request = struct.pack("16sh14x", name.encode(), 0)
        flags = struct.unpack_from("16xh", fcntl.ioctl(link, SIOCGIFFLAGS, request))[0]
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), flags | IFF_UP))
    while open(f"/sys/class/net/{sys.argv[1]}/carrier").read().strip() != "1":
        time.sleep(0.01)
    link.bind((sys.argv[1], 0))
    link.send(FRAME)
    print("sending", flush=True)
    try:
        while True:
            link.send(FRAME)
    except OSError:
        pass
