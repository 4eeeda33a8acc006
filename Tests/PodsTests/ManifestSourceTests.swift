// SPDX-License-Identifier: Apache-2.0
import Foundation
import Glibc
import Models
import Testing

@testable import Pods

@Suite struct ManifestSourceTests {
    private let directory: TemporaryDirectory
    private let log = RecordedLog()

    init() throws { directory = try TemporaryDirectory() }

    private func source(_ path: String? = nil, period: Duration = .seconds(3600)) -> ManifestSource {
        ManifestSource(directory: path ?? directory.path, nodeName: "Node-1", logger: log.logger, period: period)
    }

    private func manifest(_ name: String, label: String = "a") -> String {
        "kind: Pod\nmetadata: {name: \(name), labels: {app: \(label)}}\n"
    }

    @Test func firstAllPodsAreToldUnderBothNames() async throws {
        try directory.write("a.yaml", manifest("a") + "---\n" + manifest("b"))
        try directory.write("c.json", #"{"kind":"Pod","metadata":{"name":"c","namespace":"kube-system"}}"#)
        try await withRunning(source()) { told in
            #expect(await eventually { !told.changes.isEmpty })
            #expect(
                told.names == [
                    "default/a", "default/a-node-1", "default/b", "default/b-node-1", "kube-system/c",
                    "kube-system/c-node-1",
                ])
            #expect(told.changes.count == 1)
            #expect(told.pods["default/a-node-1"]?.labels == ["app": "a"])
            #expect(told.pods["default/a-node-1"]?.workload == "a-node-1")
        }
        #expect(log.lines.isEmpty)
    }

    @Test func emptyDirectoryHasNoPods() async throws {
        try await withRunning(source()) { told in
            #expect(await eventually { !told.changes.isEmpty })
            #expect(told.changes == [.all([])])
        }
    }

    @Test func changesAreToldAsTheyHappen() async throws {
        try directory.write("a.yaml", manifest("a"))
        try await withRunning(source()) { told in
            #expect(await eventually { told.names == ["default/a", "default/a-node-1"] })
            try directory.write("b.yml", manifest("b"))
            #expect(await eventually { told.pods["default/b-node-1"] != nil })
            #expect(told.pods["default/a"] != nil)

            try directory.write("a.yaml", manifest("a", label: "new"))
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "new"] })
            #expect(told.pods["default/b"]?.labels == ["app": "a"])

            try directory.remove("a.yaml")
            #expect(await eventually { told.names == ["default/b", "default/b-node-1"] })
            // A file is put in place as installers do it.
            try directory.write(".c.tmp", manifest("c"))
            #expect(rename(directory.path + "/.c.tmp", directory.path + "/c.yaml") == 0)
            #expect(await eventually { told.pods["default/c-node-1"] != nil })
            // Nothing was told twice: all, then two pods at each of four changes.
            #expect(told.changes.count == 9)
        }
    }

    @Test func malformedFileStandsForWhatItSaidBefore() async throws {
        try directory.write("a.yaml", manifest("a"))
        try directory.write("b.yaml", manifest("b"))
        try await withRunning(source()) { told in
            #expect(await eventually { told.pods.count == 4 })
            try directory.write("a.yaml", "kind: Pod\nmetadata: [")
            #expect(await eventually { !log.lines.isEmpty })
            // What comes after it is told, it is kept.
            try directory.write("c.yaml", manifest("c"))
            #expect(await eventually { told.pods["default/c"] != nil })
            #expect(told.pods["default/a"]?.labels == ["app": "a"])
            #expect(log.lines.count == 1)
            #expect(log.lines.first?.hasPrefix("cannot use the pod manifest, what it said before stays") == true)
            #expect(log.lines.first?.contains("file=\(directory.path)/a.yaml") == true)

            try directory.write("a.yaml", manifest("a", label: "repaired"))
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "repaired"] })
            #expect(log.lines.count == 2)
            try directory.write("a.yaml", "kind: Pod\nmetadata: [")
            #expect(await eventually { log.lines.count == 3 })
            try directory.remove("a.yaml")
            #expect(await eventually { told.pods["default/a"] == nil })
        }
    }

    @Test func onlyManifestsAreRead() async throws {
        try directory.write(".hidden.yaml", manifest("hidden"))
        try directory.write("a.yaml~", manifest("backup"))
        try directory.write("README", manifest("readme"))
        try directory.write("a.manifest", manifest("a"))
        try FileManager.default.createDirectory(
            atPath: directory.path + "/directory.yaml", withIntermediateDirectories: false)
        #expect(mkfifo(directory.path + "/pipe.yaml", 0o600) == 0)
        #expect(symlink("nowhere", directory.path + "/nowhere.yaml") == 0)
        try await withRunning(source()) { told in
            #expect(await eventually { !told.changes.isEmpty })
            #expect(told.names == ["default/a", "default/a-node-1"])
        }
        #expect(log.lines(with: "directory.yaml").count == 1)
        #expect(log.lines(with: "pipe.yaml").count == 1)
        #expect(log.lines.count == 2)
    }

    @Test func linksAreFollowedAndSwappedTogether() async throws {
        for (version, label) in [("v1", "old"), ("v2", "new")] {
            try FileManager.default.createDirectory(
                atPath: directory.path + "/..\(version)", withIntermediateDirectories: false)
            try directory.write("..\(version)/a.yaml", manifest("a", label: label))
        }
        #expect(symlink("..v1", directory.path + "/..data") == 0)
        #expect(symlink("..data/a.yaml", directory.path + "/a.yaml") == 0)
        try await withRunning(source()) { told in
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "old"] })
            #expect(symlink("..v2", directory.path + "/..new") == 0)
            #expect(rename(directory.path + "/..new", directory.path + "/..data") == 0)
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "new"] })
        }
    }

    @Test func tooLargeFileIsNotRead() async throws {
        let filler = "#" + String(repeating: "x", count: (1 << 20) - manifest("a").utf8.count - 1)
        try directory.write("a.yaml", manifest("a") + filler)
        try directory.write("b.yaml", manifest("b") + filler + "xx")
        try await withRunning(source()) { told in
            #expect(await eventually { !told.changes.isEmpty })
            #expect(told.names == ["default/a", "default/a-node-1"])
        }
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.contains("it is larger than 1024 KiB") == true)
    }

    @Test func numberOfFilesIsBounded() async throws {
        for number in 0..<1_010 { try directory.write("f\(10_000 + number).yaml", "kind: None\n") }
        try directory.write("a.yaml", manifest("a"))
        try directory.write("z.yaml", manifest("z"))
        try await withRunning(source()) { told in
            #expect(await eventually { !told.changes.isEmpty })
            #expect(told.names == ["default/a", "default/a-node-1"])
        }
        #expect(log.lines(with: "there are more than 1000 pod manifests").count == 1)
    }

    @Test func ofTwoPodsOfOneNameTheFirstFileCounts() async throws {
        try directory.write("1.yaml", manifest("a", label: "first"))
        try directory.write("2.yaml", manifest("a", label: "second"))
        try await withRunning(source()) { told in
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "first"] })
            try directory.remove("1.yaml")
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "second"] })
        }
    }

    @Test func directoryMayComeAndGo() async throws {
        let path = directory.path + "/manifests"
        try await withRunning(source(path, period: .milliseconds(100))) { told in
            #expect(await eventually { told.changes == [.all([])] })
            #expect(await eventually { log.lines(with: "there is no directory of pod manifests").count == 1 })
            for label in ["first", "second"] {
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
                try directory.write("manifests/a.yaml", manifest("a", label: label))
                #expect(await eventually { told.pods["default/a"]?.labels == ["app": label] })
                try directory.remove("manifests")
                #expect(await eventually { told.pods.isEmpty })
            }
        }
        #expect(log.lines(with: "there is no directory of pod manifests").count == 3)
    }

    @Test func directoryInAnothersPlaceIsWatched() async throws {
        let path = directory.path + "/manifests"
        for name in ["manifests", "other"] {
            try FileManager.default.createDirectory(
                atPath: directory.path + "/" + name, withIntermediateDirectories: false)
            try directory.write(name + "/a.yaml", manifest("a", label: name))
        }
        try await withRunning(source(path)) { told in
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "manifests"] })
            #expect(rename(path, directory.path + "/old") == 0)
            #expect(rename(directory.path + "/other", path) == 0)
            #expect(await eventually { told.pods["default/a"]?.labels == ["app": "other"] })
            try directory.write("manifests/b.yaml", manifest("b"))
            #expect(await eventually { told.pods["default/b"] != nil })
        }
    }
}
