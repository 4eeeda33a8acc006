// SPDX-License-Identifier: Apache-2.0

/// What a seed makes of a storm: everything about it that is anybody's choice. Which records meet a full ring is the
/// machine's.
struct LedgerStorm: CustomStringConvertible {
    let seed: UInt64
    let workers: Int
    /// Of each worker.
    let processes: Int
    /// At a time, and then a pause.
    let burst: Int
    let pauseMicroseconds: Int
    let mostArgumentBytes: Int
    /// Events that wait for one client.
    let queue: Int
    /// The slow client's.
    let pace: (messages: Int, pause: Duration)
    /// When the agent is stopped, each after the one before, and for how long.
    let stops: [(after: Duration, length: Duration)]

    init(seed: UInt64) {
        var random = SplitMix64(state: seed)
        self.seed = seed
        workers = Int.random(in: 1...4, using: &random)
        // One in four is so small that everything should come through.
        let isSmall = Int.random(in: 0...3, using: &random) == 0
        processes = Int.random(in: isSmall ? 10...30 : 400...1200, using: &random) / workers
        burst = [1, 4, 16, 64].randomElement(using: &random)!
        pauseMicroseconds = Int.random(in: 0...4000, using: &random)
        mostArgumentBytes = [200, 4000, 40_000, 300_000].randomElement(using: &random)!
        queue = [128, 512, 512, 8192].randomElement(using: &random)!
        pace = (Int.random(in: 1...8, using: &random), .milliseconds(Int.random(in: 50...300, using: &random)))
        stops = (0..<(isSmall ? 0 : Int.random(in: 0...3, using: &random))).map { _ in
            (
                .milliseconds(Int.random(in: 5...120, using: &random)),
                .milliseconds(Int.random(in: 10...150, using: &random))
            )
        }
    }

    func words(_ word: String) throws -> [String] {
        [try Artifacts.testProgram("storm"), "\(seed)"]
            + [workers, processes, burst, pauseMicroseconds, mostArgumentBytes].map { "\($0)" } + [word]
    }

    var description: String {
        "seed \(seed): \(workers) × \(processes) processes, \(burst) at once, arguments up to \(mostArgumentBytes), "
            + "queue \(queue), \(pace.messages) messages each \(pace.pause), \(stops.count) stops"
    }
}

/// Small, and the same everywhere: the system's generator has no seed.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var x = state
        x = (x ^ x >> 30) &* 0xbf58_476d_1ce4_e5b9
        x = (x ^ x >> 27) &* 0x94d0_49bb_1331_11eb
        return x ^ x >> 31
    }
}
