#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints each event of an agent as a line of JSON, through grpcio.

usage: client.py ADDRESS [REQUEST]

REQUEST is a GetEventsRequest in JSON; without it every event is asked for.
"subscribed" on stderr says from when on every event comes. Ends with 0 by SIGINT or SIGTERM, when the server ends the
stream or the reader goes, with 1 when something fails.
"""
import os
import signal
import sys

import grpc
from google.protobuf.json_format import MessageToJson, Parse

from tetragon import events_pb2, sensors_pb2_grpc


def leave(*_):
    sys.exit(0)


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)

    with grpc.insecure_channel(sys.argv[1]) as channel:
        stub = sensors_pb2_grpc.FineGuidanceSensorsStub(channel)
        request = events_pb2.GetEventsRequest()
        if len(sys.argv) == 3:
            Parse(sys.argv[2], request)
        call = stub.GetEvents(request)
        try:
            call.initial_metadata()
            if call.is_active():
                print("subscribed", file=sys.stderr, flush=True)
            for event in call:
                line = MessageToJson(event, preserving_proto_field_name=True, indent=None)
                print(line, flush=True)
        except BrokenPipeError:
            # Whoever read the events has gone. What is buffered shall not be tried again at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except grpc.RpcError as error:
            print(f"client.py: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
