// SPDX-License-Identifier: Apache-2.0

// Prints each event of an agent as a line of JSON, through gRPC C++.
//
// usage: client-cpp ADDRESS [REQUEST]
//
// REQUEST is a GetEventsRequest in JSON; without it every event is asked for.
// "subscribed" on stderr says from when on every event comes. Ends with 0 by SIGINT or SIGTERM or
// when the server ends the stream, with 1 when something fails.

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

int Stream(grpc::ClientContext &context, const std::string &address,
	   const tetragon::GetEventsRequest &request)
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
	tetragon::GetEventsRequest request;
	if (argc < 2 || argc > 3 ||
	    (argc == 3 && !google::protobuf::util::JsonStringToMessage(argv[2], &request).ok())) {
		std::cerr << "usage: client-cpp ADDRESS [REQUEST]" << std::endl;
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

	return Stream(context, argv[1], request);
}
