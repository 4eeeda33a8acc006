// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The rooms of docs/architecture.md: a target each, so that the compiler keeps the arrows one-way.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "apus",
    products: [
        .executable(name: "apus-agent", targets: ["Agent"]),
        .executable(name: "apus-oci-hook", targets: ["OCIHook"]),
        .executable(name: "apus", targets: ["CLI"]),
        .executable(name: "apus-nri", targets: ["NRIPlugin"]),
        .executable(name: "apus-replay", targets: ["Replay"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: ["FieldMaskUtilities"]),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // Values without I/O. Stays inside the Embedded subset: the hook compiles it too.
        .target(name: "Models"),
        .target(
            name: "TetragonAPI",
            dependencies: [
                "Models",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ]),
        // What the agent asks container runtimes, generated as well.
        .target(
            name: "CRIAPI",
            dependencies: [
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ]),

        // C: one small module a library.
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CRecords", path: "bpf"),
        .systemLibrary(name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CLinux"),
        // The archive, not the shared library: dist/ runs where Debian's libre2 is not.
        .target(name: "CRE2", linkerSettings: [.linkedLibrary(":libre2.a")]),
        .target(name: "RE2", dependencies: ["CRE2"]),
        .systemLibrary(name: "CLibYAML", providers: [.apt(["libyaml-dev"])]),
        // The archive, as well.
        .target(name: "YAML", dependencies: ["CLibYAML"], linkerSettings: [.linkedLibrary(":libyaml.a")]),
        // The Common Expression Language, over encoded messages.
        .target(name: "CEL", dependencies: ["RE2", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),

        // The road, left to right.
        .plugin(name: "EmbedBPF", capability: .buildTool()),
        .systemLibrary(name: "CElf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
        .target(
            name: "Sensors", dependencies: ["CElf", "CLibbpf", "CLinux", "CRecords", "CSeccomp", "Models"],
            linkerSettings: [.linkedLibrary(":libseccomp.a")], plugins: ["EmbedBPF"]),
        .target(name: "Containers", dependencies: ["Models", "CLinux"]),
        .target(
            name: "Runtimes",
            dependencies: [
                "Containers", "CRIAPI", "CYajl", "Models",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            linkerSettings: [.linkedLibrary("yajl_s")]),
        // Small files that people write, and directories of them.
        .target(name: "Files", dependencies: [.product(name: "SystemPackage", package: "swift-system")]),
        // What Kubernetes says of this node's pods: manifests and the API.
        .target(
            name: "Pods",
            dependencies: [
                "Files", "Models", "YAML",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        // Policies as values: what they may say, and what they say.
        .target(name: "Policies", dependencies: ["Models", "RE2", "YAML"]),
        // Names of places in code.
        .target(name: "Symbols", dependencies: ["CLinux"]),
        .target(
            name: "Processes",
            dependencies: ["Models", "CRecords", "Containers", "Policies", "RE2", "Sensors", "Symbols"]),
        // A policy becomes programs and rows in the kernel.
        .target(
            name: "PolicyEngine",
            dependencies: [
                "CRecords", "CSeccomp", "Containers", "Files", "Models", "Policies", "Processes", "RE2", "Sensors",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ], linkerSettings: [.linkedLibrary(":libseccomp.a")]),
        // What policies ask of the agent itself: to ask for a URL, to look a name up.
        .target(
            name: "Outreach",
            dependencies: [
                "Models", "Policies",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .target(
            name: "Events",
            dependencies: [
                "CEL", "Processes", "Containers", "Models", "Policies", "RE2", "TetragonAPI",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .target(
            name: "Server",
            dependencies: [
                "Events", "Processes", "Containers", "Models", "Policies", "PolicyEngine", "Symbols", "TetragonAPI",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Export",
            dependencies: [
                "CZlib", "Events", "Models", "Processes",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        // What the agent counts, for Prometheus.
        .target(
            name: "Metrics",
            dependencies: [
                "Models",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        // What must survive the agent.
        .target(name: "State", dependencies: ["Models", .product(name: "GRDB", package: "GRDB.swift")]),
        // What the agent is told and what it tells its operator: options, log lines, systemd.
        .target(
            name: "AgentCore",
            dependencies: [
                "Models",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),

        .executableTarget(
            name: "Agent",
            dependencies: [
                "AgentCore", "CLinux", "Containers", "Events", "Export", "Metrics", "Models", "Outreach", "Pods",
                "Policies",
                "PolicyEngine", "Processes", "Runtimes", "Sensors", "Server", "State", "Symbols", "TetragonAPI",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        // The road from the ring's bytes to its readers, to be measured without the ring: `make bench`.
        .executableTarget(
            name: "Replay",
            dependencies: [
                "CRecords", "Containers", "Events", "Export", "Models", "Processes", "Sensors", "Server",
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Benchmarks/replay"),
        // What the client prints, apart from it so that tests see it to the byte.
        .target(
            name: "CLICore",
            dependencies: ["CSeccomp", "TetragonAPI", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            linkerSettings: [.linkedLibrary(":libseccomp.a")]),
        // Makes container runtimes call the hook.
        .target(
            name: "Installer",
            dependencies: [
                "Models",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        .executableTarget(
            name: "CLI",
            dependencies: [
                "CLICore", "Installer", "Models", "Policies", "TetragonAPI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        // The hook by way of the runtime's plugin interface. The wire, apart from the program so that tests reach it.
        .target(
            name: "NRI",
            dependencies: [
                "Models",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .executableTarget(
            name: "NRIPlugin",
            dependencies: [
                "AgentCore", "Models", "NRI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),

        // Embedded Swift, static, deaf to its environment: docs/hook.md. Compiles the sources of Models itself, by the link
        // Sources/OCIHook/Models: an ordinary module cannot be imported there.
        .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CYajl", providers: [.apt(["libyajl-dev"])]),
        .target(name: "CHook"),
        .executableTarget(
            name: "OCIHook",
            dependencies: ["CHook", "CNghttp2", "CYajl"],
            swiftSettings: [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])],
            linkerSettings: [
                .linkedLibrary("nghttp2"), .linkedLibrary("yajl_s"),
                .unsafeFlags([
                    "-enable-experimental-feature", "Embedded", "-static-executable",
                    "-Xlinker", "-e", "-Xlinker", "hook_start",
                ]),
            ]),
        .testTarget(name: "ModelsTests", dependencies: ["Models"]),
        .testTarget(
            name: "SensorsTests", dependencies: ["Sensors", "CRecords", "CLinux", "Policies", "Processes"],
            exclude: ["verifier-cost.tsv"]),
        .testTarget(name: "RE2Tests", dependencies: ["RE2"]),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"]),
        .testTarget(
            name: "PoliciesTests", dependencies: ["Models", "Policies"], exclude: ["coverage.tsv", "problems.txt"]),
        .testTarget(
            name: "PolicyEngineTests",
            dependencies: [
                "CLinux", "CRecords", "Containers", "Models", "Policies", "PolicyEngine", "Processes", "Sensors",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "OutreachTests",
            dependencies: [
                "Outreach", "Policies",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .testTarget(
            name: "CELTests",
            dependencies: ["CEL", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),
        .testTarget(name: "InstallerTests", dependencies: ["Installer", "Models"]),
        .testTarget(name: "OCIHookTests", dependencies: ["Models"], exclude: ["fake-agent.py"]),

        .testTarget(
            name: "CLITests",
            dependencies: [
                "CLICore", "TetragonAPI",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        // The whole system: real containers, the real hook and the real agent, from dist/ or $APUS_DIST.
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "CLibbpf", "CRecords", "CRIAPI", "FakeCluster", "TetragonAPI",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics", "Models"]),
        .testTarget(name: "StateTests", dependencies: ["Models", "State"]),
        .testTarget(name: "NRITests", dependencies: ["NRI", "NRIPlugin"]),
        .testTarget(name: "ContainersTests", dependencies: ["Containers", "Models"]),
        .testTarget(
            name: "RuntimesTests",
            dependencies: [
                "Containers", "CRIAPI", "Models", "Runtimes",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        // An API server that says what a test wants.
        .target(
            name: "FakeCluster",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Tests/FakeCluster"),
        .testTarget(
            name: "PodsTests",
            dependencies: [
                "FakeCluster", "Models", "Pods",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .testTarget(
            name: "AgentCoreTests",
            dependencies: ["AgentCore", "Models", .product(name: "Logging", package: "swift-log")]),
        .testTarget(
            name: "ExportTests",
            dependencies: [
                "Containers", "Events", "Export", "Processes", "TetragonAPI",
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Containers", "Events", "Models", "Policies", "PolicyEngine", "Processes", "Server", "Symbols",
                "TetragonAPI",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(
            name: "EventsTests",
            dependencies: [
                "CRecords", "Containers", "Events", "Models", "Policies", "Processes", "Symbols", "TetragonAPI",
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .testTarget(name: "SymbolsTests", dependencies: ["Symbols"]),
        .testTarget(
            name: "ProcessesTests",
            dependencies: ["Containers", "CRecords", "Models", "Policies", "Processes", "RE2", "Sensors", "Symbols"]),

        // The generators are built beside this test, which runs them and compares.
        .testTarget(
            name: "TetragonAPITests",
            dependencies: [
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "protoc-gen-swift", package: "swift-protobuf"),
                .product(name: "protoc-gen-grpc-swift-2", package: "grpc-swift-protobuf"),
            ],
            path: "Tests/TetragonAPI",
            exclude: ["wire-api.tsv", "coverage.tsv"]),
    ]
)

for target in package.targets where [.regular, .executable, .test].contains(target.type) {
    target.swiftSettings = settings + (target.swiftSettings ?? [])
}
