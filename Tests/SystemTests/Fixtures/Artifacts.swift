// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What the tests run: built before them, found by environment variables. Something missing fails the test that needs it
/// and says how to get it; no test passes because it could not run.
enum Artifacts {
    static var agent: String { get throws { try program("APUS_DIST", "dist", "apus-agent", "make build") } }
    /// With failpoints, which a release build does not have.
    static var debugAgent: String {
        get throws { try program("APUS_DIST_DEBUG", "dist/debug", "apus-agent", "make tests") }
    }
    static var hook: String { get throws { try program("APUS_DIST", "dist", "apus-oci-hook", "make build") } }
    static var client: String { get throws { try program("APUS_DIST", "dist", "apus", "make build") } }

    /// One of Tests/Programs.
    static func testProgram(_ name: String) throws -> String {
        try program("APUS_TEST_PROGRAMS", "dist/tests", name, "make dist/tests/\(name)")
    }

    /// A file of policies/, or a directory of files if its name is empty.
    static func policy(_ name: String = "") throws -> String {
        let directory = ProcessInfo.processInfo.environment["APUS_POLICIES"] ?? "policies"
        let path = URL(filePath: directory, directoryHint: .isDirectory).appending(path: name).path
        guard FileManager.default.fileExists(atPath: path) else {
            throw Failure("\(path) is missing: run from the checkout, or point APUS_POLICIES at its policies/")
        }
        return path
    }

    /// One of the clients that Tests/Foreign/build.sh makes.
    static func foreign(_ name: String) throws -> String {
        try program("APUS_FOREIGN", "dist/foreign", name, "Tests/Foreign/build.sh dist/foreign")
    }

    /// A program of the machine.
    static func tool(_ name: String) throws -> String {
        for directory in ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
            let path = "\(directory)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Failure("\(name) is not installed: run make setup")
    }

    /// A count that the environment may raise.
    static func count(_ variable: String, default usual: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap(Int.init) ?? usual
    }

    private static func program(
        _ variable: String, _ usual: String, _ name: String, _ remedy: String
    ) throws -> String {
        let directory = ProcessInfo.processInfo.environment[variable] ?? usual
        let path = URL(filePath: directory, directoryHint: .isDirectory).appending(path: name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Failure("\(path) is missing: run \(remedy), or point \(variable) at its directory")
        }
        return path
    }
}

/// Why a test cannot go on.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
