// SPDX-License-Identifier: Apache-2.0
import CHook
import CNghttp2

extension Agent {
    /// Calls RuntimeHook and waits for its answer. The guard's timer is what bounds the waiting.
    func runtimeHook(_ message: [UInt8], timeoutMilliseconds: UInt32) throws(AgentError) {
        var call = UnaryCall(message: message)
        var callbacks: OpaquePointer?
        var session: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else {
            throw .http2("out of memory")
        }
        defer { nghttp2_session_callbacks_del(callbacks) }
        UnaryCall.register(callbacks)

        let failure = withUnsafeMutablePointer(to: &call) { call -> AgentError? in
            guard nghttp2_session_client_new(&session, callbacks, call) == 0 else {
                return .http2("out of memory")
            }
            defer { nghttp2_session_del(session) }
            do throws(AgentError) {
                try UnaryCall.submit(session, "\(timeoutMilliseconds)m")
                try exchange(session, until: { call.pointee.isClosed })
                return nil
            } catch {
                return error
            }
        }
        if let failure {
            throw failure
        }
        try call.check()
    }

    /// Moves bytes both ways until the stream has ended.
    private func exchange(_ session: OpaquePointer?, until isDone: () -> Bool) throws(AgentError) {
        Guard.phase("sending the request to the agent")
        try flush(session)
        Guard.phase("waiting for the agent's answer")
        while !isDone() {
            try receive(session)
            try flush(session)
            // After a violation of the protocol the library says goodbye and wants nothing more.
            if !isDone() && nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0 {
                throw .http2("what listens there does not keep to the protocol")
            }
        }
    }

    /// Sends what the library has ready. Its frames are gathered: each `send` would wake the agent once more.
    private func flush(_ session: OpaquePointer?) throws(AgentError) {
        var gathered: [UInt8] = []
        while true {
            var frame: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &frame)
            if count < 0 {
                throw .http2(String(cString: nghttp2_strerror(CInt(count))))
            }
            gathered.append(contentsOf: UnsafeBufferPointer(start: frame, count: count))
            if count == 0 || gathered.count >= 64 << 10 {
                let error = apus_send_all(descriptor, gathered, gathered.count)
                if error < 0 {
                    throw .send(-error)
                }
                gathered.removeAll(keepingCapacity: true)
            }
            if count == 0 {
                return
            }
        }
    }

    private func receive(_ session: OpaquePointer?) throws(AgentError) {
        let failure = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4 << 10) { buffer -> AgentError? in
            let count = apus_read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 {
                return .receive(CInt(-count))
            }
            if count == 0 {
                return .closed
            }
            let consumed = nghttp2_session_mem_recv(session, buffer.baseAddress, count)
            return consumed < 0 ? .http2(String(cString: nghttp2_strerror(CInt(consumed)))) : nil
        }
        if let failure {
            throw failure
        }
    }
}

/// One gRPC call on one HTTP/2 stream: what is sent, and what came back. The library's callbacks find it behind their
/// user pointer.
private struct UnaryCall {
    /// A length-prefixed gRPC message.
    private var request: [UInt8]
    private var sent = 0

    private(set) var isClosed = false
    private var resetCode: UInt32 = 0
    private var httpStatus = ""
    private var grpcStatus = ""
    private var grpcMessage = ""

    init(message: [UInt8]) {
        let length = UInt32(message.count)
        request = [0, UInt8(length >> 24), UInt8(length >> 16 & 255), UInt8(length >> 8 & 255), UInt8(length & 255)]
        request.append(contentsOf: message)
    }

    func check() throws(AgentError) {
        if resetCode != 0 && grpcStatus.isEmpty {
            throw .reset(code: resetCode)
        }
        if httpStatus != "200" {
            throw .httpStatus(httpStatus)
        }
        if grpcStatus.isEmpty {
            throw .noStatus
        }
        if grpcStatus != "0" {
            throw .refused(code: grpcStatus, message: grpcMessage)
        }
    }

    static func register(_ callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, nameLength, value, length, _, user in
            UnaryCall.behind(user)?.pointee.header(
                UnsafeBufferPointer(start: name, count: nameLength), UnsafeBufferPointer(start: value, count: length))
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, _, code, user in
            UnaryCall.behind(user)?.pointee.close(code)
            return 0
        }
    }

    static func submit(_ session: OpaquePointer?, _ timeout: String) throws(AgentError) {
        guard nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil, 0) == 0 else {
            throw .http2("out of memory")
        }
        var body = nghttp2_data_provider()
        body.read_callback = { _, _, buffer, capacity, flags, _, user in
            UnaryCall.behind(user)?.pointee.fill(buffer, capacity, flags) ?? 0
        }
        var timeout = timeout
        let stream = timeout.withUTF8 { timeout in
            let headers = [
                header(":method", "POST"),
                header(":scheme", "http"),
                header(":path", "/tetragon.FineGuidanceSensors/RuntimeHook"),
                header(":authority", "localhost"),
                header("content-type", "application/grpc"),
                header("te", "trailers"),
                header("user-agent", "apus-oci-hook"),
                header("grpc-timeout", timeout),
            ]
            return headers.withUnsafeBufferPointer {
                nghttp2_submit_request(session, nil, $0.baseAddress, $0.count, &body, nil)
            }
        }
        if stream < 0 {
            throw .http2(String(cString: nghttp2_strerror(stream)))
        }
    }

    private static func header(_ name: StaticString, _ value: StaticString) -> nghttp2_nv {
        header(name, UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    private static func header(_ name: StaticString, _ value: UnsafeBufferPointer<UInt8>) -> nghttp2_nv {
        // The library takes pointers to mutable bytes and does not write to them.
        nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.utf8Start),
            value: UnsafeMutablePointer(mutating: value.baseAddress),
            namelen: name.utf8CodeUnitCount, valuelen: value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
    }

    private static func behind(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<UnaryCall>? {
        user?.assumingMemoryBound(to: UnaryCall.self)
    }

    /// Hands out the next piece of the request.
    private mutating func fill(
        _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int, _ flags: UnsafeMutablePointer<UInt32>?
    ) -> Int {
        let count = min(capacity, request.count - sent)
        request.withUnsafeBufferPointer {
            if let buffer, let start = $0.baseAddress {
                buffer.update(from: start + sent, count: count)
            }
        }
        sent += count
        if sent == request.count {
            flags?.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue)
        }
        return count
    }

    /// Headers and trailers alike: an error may come as either.
    private mutating func header(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        if name.elementsEqual(":status".utf8) {
            httpStatus = String(decoding: value, as: UTF8.self)
        } else if name.elementsEqual("grpc-status".utf8) {
            grpcStatus = String(decoding: value, as: UTF8.self)
        } else if name.elementsEqual("grpc-message".utf8) {
            grpcMessage = String(decoding: value, as: UTF8.self)
        }
    }

    private mutating func close(_ code: UInt32) {
        isClosed = true
        resetCode = code
    }
}
