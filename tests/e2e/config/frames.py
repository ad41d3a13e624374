"""Sends, repeats and tags Ethernet frames, for the tests.

frames.py IFACE send              sends each line of standard input, in hex
frames.py IFACE repeat IP N       waits for N UDP packets with audio for IP that go out of the
                                  interface, and sends each of them once more
frames.py IFACE trunk PORT VLAN   tags what hosts send at PORT and sends it out of the interface;
                                  hands them what comes back with that tag, and nothing else
"""

import selectors
import socket
import struct
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
AUDIO_OCTETS_MIN = 150
SOL_PACKET = 263
PACKET_AUXDATA = 8
TP_STATUS_VLAN_VALID = 0x10
# struct tpacket_auxdata: status, two lengths, two offsets, tag, its EtherType.
AUXDATA = struct.Struct("IIIHHHH")


def open_socket(interface):
    frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    frames.bind((interface, 0))
    return frames


def is_audio_for(frame, destination):
    is_udp = frame[12:14] == b"\x08\x00" and frame[23] == 17
    return is_udp and frame[30:34] == destination and len(frame) >= AUDIO_OCTETS_MIN


def repeat(frames, destination, count):
    seen = set()
    while len(seen) < count:
        frame, address = frames.recvfrom(65535)
        # What we send comes back to us as outgoing too.
        if address[2] == PACKET_OUTGOING and is_audio_for(frame, destination):
            if frame not in seen:
                seen.add(frame)
                frames.send(frame)


def received(frames):
    """A frame without its tag, which the kernel takes off, and its VLAN; None for our own."""
    frame, control, _, address = frames.recvmsg(65535, socket.CMSG_SPACE(AUXDATA.size))
    if address[2] == PACKET_OUTGOING:
        return None, None
    for level, kind, data in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tag, _ = AUXDATA.unpack(data[: AUXDATA.size])
            return frame, tag & 0xFFF if status & TP_STATUS_VLAN_VALID else None
    return frame, None


def trunk(tagged, hosts, vlan):
    with selectors.DefaultSelector() as ready:
        for side in (tagged, hosts):
            side.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            ready.register(side, selectors.EVENT_READ)
        print("relaying", flush=True)
        while True:
            for key, _ in ready.select():
                frame, tag = received(key.fileobj)
                if frame is None:
                    continue
                if key.fileobj is hosts:
                    tagged.send(frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:])
                elif tag == vlan:
                    hosts.send(frame)


def main():
    interface, verb, *rest = sys.argv[1:]
    frames = open_socket(interface)
    if verb == "send":
        for line in sys.stdin:
            frames.send(bytes.fromhex(line))
    elif verb == "repeat":
        repeat(frames, socket.inet_aton(rest[0]), int(rest[1]))
    elif verb == "trunk":
        trunk(frames, open_socket(rest[0]), int(rest[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
