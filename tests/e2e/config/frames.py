"""Sends and repeats Ethernet frames on one interface, for the tests of bad input.

frames.py IFACE send              sends each line of standard input, in hex
frames.py IFACE repeat IP N       waits for N UDP packets with audio for IP that go out of the
                                  interface, and sends each of them once more
"""

import socket
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
AUDIO_OCTETS_MIN = 150


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


def main():
    interface, verb, *rest = sys.argv[1:]
    frames = open_socket(interface)
    if verb == "send":
        for line in sys.stdin:
            frames.send(bytes.fromhex(line))
    elif verb == "repeat":
        repeat(frames, socket.inet_aton(rest[0]), int(rest[1]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
