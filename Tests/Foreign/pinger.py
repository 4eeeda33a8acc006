#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Behaves towards a server as grpc-go's client does: to learn how fast the connection is, it sends a PING with every
burst of data, as soon as the one before was acknowledged. Servers that count PINGs as a flood cut such clients off.

usage: pinger ADDRESS SECONDS

Subscribes to the events at ADDRESS (unix:///path or host:port), says "subscribed" on stderr when it stands, and after
SECONDS prints what happened as a line of JSON: pings, acks, data_frames, data_bytes, seconds and, when the server ended
it, goaway (the HTTP/2 error code), reset, grpc_status or closed. Exit status 0: connected to the end; 1: cut off.
"""
import json
import socket
import sys
import time

import h2.config
import h2.connection
import h2.events

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/tetragon.FineGuidanceSensors/GetEvents"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
]
# A message without fields: not compressed, of length 0.
EMPTY_MESSAGE = b"\0" + b"\0\0\0\0"


def connect(address):
    if address.startswith("unix:"):
        path = address[len("unix:"):]
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(path[2:] if path.startswith("//") else path)
        return connection
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)))


class Pinger:
    def __init__(self, connection):
        self.socket = connection
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.http = h2.connection.H2Connection(config=config)
        self.pings = self.acks = self.data_frames = self.data_bytes = 0
        self.waiting_for_ack = False
        self.cut_off = {}

    def subscribe(self):
        self.http.initiate_connection()
        self.http.increment_flow_control_window(1 << 24)
        stream = self.http.get_next_available_stream_id()
        self.http.send_headers(stream, REQUEST)
        self.http.send_data(stream, EMPTY_MESSAGE, end_stream=True)
        self.flush()

    def flush(self):
        self.socket.sendall(self.http.data_to_send())

    def handle(self, received):
        burst = False
        for event in self.http.receive_data(received):
            if isinstance(event, h2.events.ResponseReceived):
                print("subscribed", file=sys.stderr, flush=True)
            elif isinstance(event, h2.events.DataReceived):
                burst = True
                self.data_frames += 1
                self.data_bytes += len(event.data)
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.PingAckReceived):
                self.acks += 1
                self.waiting_for_ack = False
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.cut_off["goaway"] = int(event.error_code)
            elif isinstance(event, h2.events.StreamReset):
                self.cut_off["reset"] = int(event.error_code)
            elif isinstance(event, h2.events.TrailersReceived):
                self.cut_off["grpc_status"] = dict(event.headers).get("grpc-status")
        if burst and not self.waiting_for_ack and not self.cut_off:
            self.pings += 1
            self.waiting_for_ack = True
            self.http.ping(self.pings.to_bytes(8, "big"))

    def run(self, seconds):
        begin = time.monotonic()
        while not self.cut_off and (left := begin + seconds - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                received = self.socket.recv(1 << 16)
                if received:
                    self.handle(received)
                    self.flush()
                else:
                    self.cut_off["closed"] = "end of file"
            except TimeoutError:
                break
            except ConnectionError as error:
                self.cut_off.setdefault("closed", str(error))
        return time.monotonic() - begin


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    pinger = Pinger(connect(sys.argv[1]))
    pinger.subscribe()
    seconds = pinger.run(float(sys.argv[2]))
    report = {
        "pings": pinger.pings,
        "acks": pinger.acks,
        "data_frames": pinger.data_frames,
        "data_bytes": pinger.data_bytes,
        "seconds": round(seconds, 1),
    }
    print(json.dumps(report | pinger.cut_off))
    return 1 if pinger.cut_off else 0


if __name__ == "__main__":
    sys.exit(main())
