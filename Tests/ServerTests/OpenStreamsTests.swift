// SPDX-License-Identifier: Apache-2.0
import Events
import Testing

@testable import Server

@Suite struct OpenStreamsTests {
    @Test func `many streams share what the transport may copy`() {
        let hub = EventHub()
        let streams = OpenStreams()
        var leases: [OpenStreams.Lease] = []
        func open(_ count: Int) {
            while leases.count < count {
                leases.append(streams.lease(hub.subscribe(name: "client", format: .protobuf, capacity: 1)))
            }
        }
        #expect(streams.batchBytes == 512 << 10)
        open(128)
        #expect(streams.batchBytes == 512 << 10)
        open(256)
        #expect(streams.batchBytes == 256 << 10)
        open(1024)
        #expect(streams.batchBytes == 64 << 10)
        open(2000)
        #expect(streams.batchBytes == 64 << 10)
        leases = []
        #expect(streams.batchBytes == 512 << 10 && hub.accounts.count == 1)
    }
}
