# SPDX-License-Identifier: MIT
# Runs inside the guest, as the command of `pciem run e1000 ports=1`: the link comes up, one frame is sent, the
# interface is closed. The driver looks at its link again after two seconds; by then this is over, if the machine does
# not stand still: the time is printed.
import fcntl
import os
import socket
import struct
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
FRAME = bytes.fromhex("ffffffffffff" "02e100000000" "88b5") + bytes(range(100))

name = os.environ["PCIEM_NET"]
folder = f"/sys/class/net/{name}/"


def switch(link, up):
    request = struct.pack("16sh14x", name.encode(), 0)
    flags = struct.unpack_from("16xh", fcntl.ioctl(link, SIOCGIFFLAGS, request))[0]
    fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), flags | IFF_UP if up else flags & ~IFF_UP))


def until(file, value):
    end = time.monotonic() + 30
    while open(folder + file).read().strip() != value:
        if time.monotonic() > end:
            raise SystemExit(f"{name}: {file} is not {value}")
        time.sleep(0.01)


ipv6 = f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6"
if os.path.exists(ipv6):
    # Its own chatter comes at times of its choosing.
    open(ipv6, "w").write("1")
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as link:
    start = time.monotonic()
    switch(link, True)
    until("carrier", "1")
    link.bind((name, 0))
    link.send(FRAME)
    until("statistics/tx_packets", "1")
    switch(link, False)
    seconds = time.monotonic() - start
print(f"{name} had a link for {seconds:.2f} s, and sent a frame")
