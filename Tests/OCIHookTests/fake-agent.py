# SPDX-License-Identifier: Apache-2.0
"""An agent that only listens: fake-agent.py SOCKET [STATUS MESSAGE]

Speaks gRPC by a library that is not ours, answers RuntimeHook with success (or with STATUS and MESSAGE), and prints
every request that it gets as one line of hexadecimal. The first line is "ready".
"""
import sys
from concurrent import futures

import grpc


class Agent(grpc.GenericRpcHandler):
    def __init__(self, status, message):
        self.status, self.message = status, message

    def service(self, call):
        if call.method != "/tetragon.FineGuidanceSensors/RuntimeHook":
            return None
        return grpc.unary_unary_rpc_method_handler(self.runtime_hook)

    def runtime_hook(self, request, context):
        print(request.hex(), flush=True)
        if self.status:
            code = next(code for code in grpc.StatusCode if code.value[0] == self.status)
            context.abort(code, self.message)
        return b""


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    status, message = (int(sys.argv[2]), sys.argv[3]) if len(sys.argv) > 2 else (0, "")
    server.add_generic_rpc_handlers((Agent(status, message),))
    server.add_insecure_port("unix:" + sys.argv[1])
    server.start()
    print("ready", flush=True)
    sys.stdin.read()  # the test ends us by closing this, or by dying
    server.stop(None)


main()
