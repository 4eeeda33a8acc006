#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks an agent something through grpcio and prints the answer as a line of JSON.

usage: surface.py version|denied|health|reflection ADDRESS [CA [CERTIFICATE KEY]]

version     GetVersion
denied      the status and sentence of SetDebug, GetInfo and RuntimeHook
health      grpc.health.v1.Health/Check of the server, of "liveness" and of a service that is not there
reflection  the services, and GetVersion by the description that the server gives of itself, without any proto file
With files of certificates the connection is TLS, with a certificate of the client's own mutual TLS. Ends with 1, and the
status's name on stderr, when the call fails.
"""
import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import health_pb2
import health_pb2_grpc
import reflection_pb2
import reflection_pb2_grpc
from tetragon import sensors_pb2, sensors_pb2_grpc, tetragon_pb2

TIMEOUT = 10


def read(path):
    with open(path, "rb") as file:
        return file.read()


def connect(address, files):
    if not files:
        return grpc.insecure_channel(address)
    ca, own, key = (files + [None, None])[:3]
    return grpc.secure_channel(
        address,
        grpc.ssl_channel_credentials(read(ca), key and read(key), own and read(own)),
    )


def status_of(call, request):
    try:
        call(request, timeout=TIMEOUT)
        return ["OK", ""]
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def version(channel):
    stub = sensors_pb2_grpc.FineGuidanceSensorsStub(channel)
    return stub.GetVersion(sensors_pb2.GetVersionRequest(), timeout=TIMEOUT).version


def denied(channel):
    stub = sensors_pb2_grpc.FineGuidanceSensorsStub(channel)
    return {
        "SetDebug": status_of(stub.SetDebug, sensors_pb2.SetDebugRequest()),
        "GetInfo": status_of(stub.GetInfo, sensors_pb2.GetInfoRequest()),
        "RuntimeHook": status_of(stub.RuntimeHook, tetragon_pb2.RuntimeHookRequest()),
    }


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)

    def check(name):
        request = health_pb2.HealthCheckRequest(service=name)
        try:
            answer = stub.Check(request, timeout=TIMEOUT)
            return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.RpcError as error:
            return error.code().name

    return [check(""), check("liveness"), check("nobody")]


def reflection(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)

    def ask(**question):
        request = reflection_pb2.ServerReflectionRequest(**question)
        (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=TIMEOUT)
        return answer

    services = [service.name for service in ask(list_services="*").list_services_response.service]
    name = "tetragon.FineGuidanceSensors"
    files = ask(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
    pool = descriptor_pool.DescriptorPool()
    for file in imports_first([descriptor_pb2.FileDescriptorProto.FromString(data) for data in files]):
        pool.Add(file)
    method = pool.FindServiceByName(name).FindMethodByName("GetVersion")
    factory = message_factory.MessageFactory(pool)
    question, answer = (factory.GetPrototype(type) for type in (method.input_type, method.output_type))
    call = channel.unary_unary(
        f"/{name}/GetVersion",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    return {"services": services, "version": call(question(), timeout=TIMEOUT).version}


def imports_first(files):
    by_name = {file.name: file for file in files}
    done = []

    def visit(file):
        for name in file.dependency:
            visit(by_name[name])
        if file not in done:
            done.append(file)

    for file in files:
        visit(file)
    return done


def main():
    questions = {"version": version, "denied": denied, "health": health, "reflection": reflection}
    if len(sys.argv) not in (3, 4, 6) or sys.argv[1] not in questions:
        print(__doc__, file=sys.stderr)
        return 2
    with connect(sys.argv[2], sys.argv[3:]) as channel:
        try:
            print(json.dumps(questions[sys.argv[1]](channel)))
        except grpc.RpcError as error:
            print(f"surface.py: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
