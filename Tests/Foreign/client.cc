// SPDX-License-Identifier: Apache-2.0

// Prints each event of an agent as a line of JSON, through gRPC C++.
//
// usage: client-cpp [--strict] ADDRESS [REQUEST]
//
// REQUEST is a GetEventsRequest in JSON; without it every event is asked for.
// "subscribed" on stderr says from when on every event comes. Ends with 0 by SIGINT or SIGTERM or
// when the server ends the stream, with 1 when something fails. With --strict it ends with 3 at an
// event that is of no kind that it knows, or that no process stands behind, as there are clients
// that do.

#include <atomic>
#include <csignal>
#include <iostream>
#include <string>
#include <thread>

#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include "tetragon/sensors.grpc.pb.h"

namespace
{

// Set before the call is cancelled by a signal.
std::atomic<bool> interrupted = false;

bool TellsOfProcess(const tetragon::GetEventsResponse &event)
{
	switch (event.event_case()) {
	case tetragon::GetEventsResponse::kProcessExec:
		return event.process_exec().has_process();
	case tetragon::GetEventsResponse::kProcessExit:
		return event.process_exit().has_process();
	case tetragon::GetEventsResponse::kProcessKprobe:
		return event.process_kprobe().has_process();
	case tetragon::GetEventsResponse::kProcessTracepoint:
		return event.process_tracepoint().has_process();
	case tetragon::GetEventsResponse::kProcessUprobe:
		return event.process_uprobe().has_process();
	case tetragon::GetEventsResponse::kProcessUsdt:
		return event.process_usdt().has_process();
	case tetragon::GetEventsResponse::kProcessLsm:
		return event.process_lsm().has_process();
	case tetragon::GetEventsResponse::kProcessLoader:
		return event.process_loader().has_process();
	default:
		return false;
	}
}

int Stream(grpc::ClientContext &context, const std::string &address,
	   const tetragon::GetEventsRequest &request, bool strict)
{
	auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
	auto stub = tetragon::FineGuidanceSensors::NewStub(channel);
	auto reader = stub->GetEvents(&context, request);

	// Returns too when there will be none, because nobody could be reached or the call was
	// cancelled.
	reader->WaitForInitialMetadata();
	if (channel->GetState(false) == GRPC_CHANNEL_READY && !interrupted)
		std::cerr << "subscribed" << std::endl;

	google::protobuf::util::JsonPrintOptions options;
	options.preserve_proto_field_names = true;
	tetragon::GetEventsResponse event;
	std::string line;
	while (reader->Read(&event)) {
		if (strict && !TellsOfProcess(event)) {
			std::cerr << "client-cpp: unknown event type: " << event.ShortDebugString()
				  << std::endl;
			return 3;
		}
		line.clear();
		auto converted = google::protobuf::util::MessageToJsonString(event, &line, options);
		if (!converted.ok()) {
			std::cerr << "client-cpp: an event cannot be written as JSON: "
				  << converted.ToString() << std::endl;
			return 1;
		}
		std::cout << line << std::endl;
	}

	auto status = reader->Finish();
	if (status.ok() || status.error_code() == grpc::StatusCode::CANCELLED)
		return 0;
	std::cerr << "client-cpp: status " << status.error_code() << ": " << status.error_message()
		  << std::endl;
	return 1;
}

} // namespace

int main(int argc, char **argv)
{
	bool strict = argc > 1 && std::string(argv[1]) == "--strict";
	argv += strict;
	argc -= strict;
	tetragon::GetEventsRequest request;
	if (argc < 2 || argc > 3 ||
	    (argc == 3 && !google::protobuf::util::JsonStringToMessage(argv[2], &request).ok())) {
		std::cerr << "usage: client-cpp [--strict] ADDRESS [REQUEST]" << std::endl;
		return 2;
	}

	// A thread of its own waits for the signals: a handler could not cancel a call.
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr);

	grpc::ClientContext context;
	std::thread([&context, signals] {
		int number = 0;
		sigwait(&signals, &number);
		interrupted = true;
		context.TryCancel();
	}).detach();

	return Stream(context, argv[1], request, strict);
}
