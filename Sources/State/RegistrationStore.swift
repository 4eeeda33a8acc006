// SPDX-License-Identifier: Apache-2.0
internal import GRDB
package import Models

/// A container that a hook told an agent of, kept for the agent that comes after it.
package struct StoredRegistration: Sendable, Equatable {
    package var identity: ContainerIdentity
    /// kernfs id, which the kernel gives once in a boot, and path below the hierarchy's root.
    package var cgroup: UInt64
    package var cgroupPath: String
    package var initProcess: UInt32
    /// Of the init, clock ticks since boot as /proc/PID/stat has it: the same pid with another start is another process.
    package var initStart: UInt64
    /// How often the init had exec'd when it was told of; nil where that was not known. Later its own program runs.
    package var initExecs: UInt32?

    package init(
        identity: ContainerIdentity, cgroup: UInt64, cgroupPath: String, initProcess: UInt32,
        initStart: UInt64, initExecs: UInt32?
    ) {
        self.identity = identity
        self.cgroup = cgroup
        self.cgroupPath = cgroupPath
        self.initProcess = initProcess
        self.initStart = initStart
        self.initExecs = initExecs
    }
}

/// Registrations in the state directory, in SQLite.
///
/// They hold for one boot: cgroup ids are given anew in the next, so what another boot left is removed unread. That is
/// also why nothing waits for the disk: a killed agent loses nothing that it has written, and a machine that goes down
/// makes all of it void.
package final class RegistrationStore: Sendable {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
        /// The file is no database, or a torn one.
        package let isCorrupt: Bool

        init(_ attempt: String, _ error: any Error) {
            description = "\(attempt): \(error)"
            isCorrupt = [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains((error as? DatabaseError)?.resultCode)
        }
    }

    private let database: DatabaseQueue
    private let boot: String

    /// - Parameters:
    ///   - path: of the database file; its directory exists.
    ///   - boot: /proc/sys/kernel/random/boot_id.
    package init(path: String, boot: String) throws(Failure) {
        self.boot = boot
        var configuration = Configuration()
        configuration.label = "apus-state"
        configuration.busyMode = .timeout(1)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = OFF")
        }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA journal_mode = WAL")
            }
            try Self.migrator.migrate(database)
            try database.write { try $0.execute(sql: "DELETE FROM registration WHERE boot <> ?", arguments: [boot]) }
        } catch {
            throw Failure("cannot open the state database \(path)", error)
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("registrations") { database in
            try database.create(table: "registration") { table in
                table.column("boot", .text).notNull()
                // Signed as SQLite's integers are; the bits count.
                table.column("cgroup", .integer).notNull()
                for name in Self.columns where name != "cgroup" { table.column(name) }
                table.primaryKey(["boot", "cgroup"])
            }
        }
        return migrator
    }

    private static let columns = [
        "cgroup", "cgroupPath", "initProcess", "initStart", "initExecs", "id", "name", "image", "runtime",
        "bundle", "rootDir", "cgroupsPath", "podName", "podNamespace", "podUID", "stage",
    ]

    private static let insertion =
        "INSERT OR REPLACE INTO registration (boot, \(columns.joined(separator: ", "))) "
        + "VALUES (?\(String(repeating: ", ?", count: columns.count)))"

    /// Returns when the row would survive the agent's death.
    package func save(_ registration: StoredRegistration) throws(Failure) {
        let identity = registration.identity
        let values: [(any DatabaseValueConvertible)?] = [
            boot, Int64(bitPattern: registration.cgroup), registration.cgroupPath,
            registration.initProcess,
            Int64(bitPattern: registration.initStart), registration.initExecs, identity.id.text, identity.name,
            identity.image, identity.runtime, identity.bundle, identity.rootDir, identity.cgroupsPath?.path ?? "",
            identity.podName, identity.podNamespace, identity.podUID, identity.stage?.name,
        ]
        do {
            try database.write { database in
                let statement = try database.cachedStatement(sql: Self.insertion)
                try statement.execute(arguments: StatementArguments(values))
            }
        } catch {
            throw Failure("cannot store the registration of container \(identity.id.text)", error)
        }
    }

    /// The cgroups are gone.
    package func remove(_ cgroups: [UInt64]) throws(Failure) {
        do {
            try database.write { database in
                let statement = try database.cachedStatement(
                    sql: "DELETE FROM registration WHERE boot = ? AND cgroup = ?")
                for cgroup in cgroups { try statement.execute(arguments: [boot, Int64(bitPattern: cgroup)]) }
            }
        } catch {
            throw Failure("cannot remove \(cgroups.count) registrations", error)
        }
    }

    /// What was stored in this boot. A row that makes no sense is left out.
    package func all() throws(Failure) -> [StoredRegistration] {
        do {
            return try database.read { database in
                try Row.fetchAll(database, sql: "SELECT * FROM registration WHERE boot = ?", arguments: [boot])
                    .compactMap(Self.registration)
            }
        } catch {
            throw Failure("cannot read the stored registrations", error)
        }
    }

    private static func registration(_ row: Row) -> StoredRegistration? {
        func text(_ column: String) -> String { String.fromDatabaseValue(row[column]) ?? "" }
        func number(_ column: String) -> UInt64? { Int64.fromDatabaseValue(row[column]).map(UInt64.init(bitPattern:)) }
        guard let cgroup = number("cgroup"), let initProcess = UInt32.fromDatabaseValue(row["initProcess"]),
            let initStart = number("initStart"),
            let identity = try? ContainerIdentity(
                id: text("id"), name: text("name"), image: text("image"), runtime: text("runtime"),
                bundle: text("bundle"), rootDir: text("rootDir"), cgroupsPath: text("cgroupsPath"),
                podName: text("podName"), podNamespace: text("podNamespace"), podUID: text("podUID"),
                stage: HookStage(text("stage")))
        else { return nil }
        return StoredRegistration(
            identity: identity, cgroup: cgroup, cgroupPath: text("cgroupPath"),
            initProcess: initProcess, initStart: initStart, initExecs: UInt32.fromDatabaseValue(row["initExecs"]))
    }
}
