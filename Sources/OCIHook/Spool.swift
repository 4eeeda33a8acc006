// SPDX-License-Identifier: Apache-2.0
import CHook

/// What the agent finds at its next start if it cannot be told now.
///
/// It is prepared before the agent is called and written by the guard (CHook's spool.c), because a time-out ends in a
/// signal handler, where nothing can be encoded any more.
enum Spool {
    static let maximumRequest = 64 << 10
    /// What the file systems take for a name.
    static let maximumName = 255

    /// What the hook has measured itself means nothing later: a pid may have become another's. Mounts are for show.
    static func prepare(_ request: RuntimeHookRequest, directory: String) {
        guard let id = ContainerID(request.containerID), id.text.utf8.count <= maximumName else {
            report("its id is no file name", request)
            return
        }
        var request = request
        request.pid = 0
        request.mounts = []
        var bytes = request.encoded()
        if bytes.count > maximumRequest {
            request.annotations = Annotations()
            bytes = request.encoded()
        }
        guard bytes.count <= maximumRequest else {
            report("it is too large", request)
            return
        }
        apus_spool_prepare(kept(Array(directory.utf8) + [0]), kept(Array(id.text.utf8) + [0]), kept(bytes), bytes.count)
    }

    static func discard() {
        apus_spool_prepare(nil, nil, nil, 0)
    }

    /// A copy that stays where it is until the hook ends, for the signal handler.
    private static func kept(_ bytes: [UInt8]) -> UnsafePointer<UInt8> {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count)
        copy.initialize(from: bytes, count: bytes.count)
        return UnsafePointer(copy)
    }

    private static func report(_ why: String, _ request: RuntimeHookRequest) {
        Log.write(
            .warning, "cannot spool the request if it fails",
            [("stage", request.stage), ("id", request.containerID), ("error", why)])
    }
}
