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
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["CommandLineArguments"]),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: ["FieldMaskUtilities"]),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Values without I/O. Stays inside the Embedded subset: the hook compiles it too.
        .target(name: "Models"),
        .target(
            name: "TetragonAPI",
            dependencies: [
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
            ]),

        // C: one small module a library.
        .systemLibrary(name: "CRecords", path: "bpf"),
        .systemLibrary(name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev"])]),
        .target(name: "CLinux"),

        // The road, left to right.
        .plugin(name: "EmbedBPF", capability: .buildTool()),
        .target(name: "Sensors", dependencies: ["CRecords", "CLibbpf", "CLinux"], plugins: ["EmbedBPF"]),
        .target(name: "Containers", dependencies: ["Models", "CLinux"]),
        .target(name: "Processes", dependencies: ["Models", "CRecords", "Containers", "CLinux"]),
        .target(
            name: "Events",
            dependencies: [
                "Processes", "Containers", "Models",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
            ]),
        .target(
            name: "Server",
            dependencies: [
                "Events", "Containers", "Models", "TetragonAPI", "CLinux",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        .target(
            name: "Export", dependencies: ["Events", "CLinux", .product(name: "Logging", package: "swift-log")]),

        .executableTarget(
            name: "Agent",
            dependencies: [
                "Models", "Sensors", "Containers", "Processes", "Events", "Server", "Export", "CLinux", "CRecords",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "CLI",
            dependencies: [
                "TetragonAPI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),

        // Embedded Swift, static, deaf to its environment: docs/hook.md.
        .executableTarget(name: "OCIHook"),
    ]
)

for target in package.targets where [.regular, .executable, .test].contains(target.type) && target.name.first != "C" {
    target.swiftSettings = settings + (target.swiftSettings ?? [])
}
