// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The rooms that read what strangers write, with libFuzzer around them. A package of its own, so that no other build pays
// for it; the rooms' sources are the project's, by the link Sources.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // Of several such words the compiler takes the last: fuzz.sh's two make the linker's and C's.
    .unsafeFlags(["-sanitize=fuzzer,address"]),
]

let package = Package(
    name: "apus-fuzzing",
    dependencies: [.package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0")],
    targets: [
        .systemLibrary(name: "CRecords", path: "bpf"),
        .systemLibrary(name: "CLibYAML"),
        .systemLibrary(name: "CLibbpf"),
        .target(name: "CLinux"),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary(":libre2.a")]),
        .target(name: "RE2", dependencies: ["CRE2"]),
        .target(name: "YAML", dependencies: ["CLibYAML"], linkerSettings: [.linkedLibrary(":libyaml.a")]),
        .target(name: "CEL", dependencies: ["RE2", .product(name: "SwiftProtobuf", package: "swift-protobuf")]),
        .target(name: "Policies", dependencies: ["Models", "RE2", "YAML"]),
        .target(name: "Models"),
        .target(name: "Containers", dependencies: ["CLinux", "Models"]),
        .target(name: "Sensors", dependencies: ["CLibbpf", "CRecords", "Models"], path: "Targets/Sensors"),
        .target(
            name: "PolicyEngine", dependencies: ["CRecords", "Policies", "RE2", "Sensors"],
            path: "Sources/PolicyEngine/Plan", exclude: ["RealKernelSurvey.swift"]),
        .target(name: "Symbols", dependencies: ["CLinux"]),
        .target(
            name: "Processes",
            dependencies: ["CRecords", "Containers", "Models", "Policies", "RE2", "Sensors", "Symbols"]),

        .executableTarget(
            name: "policies", dependencies: ["CRecords", "Policies", "PolicyEngine", "Sensors"],
            path: "Targets/policies"),
        .executableTarget(
            name: "cel", dependencies: ["CEL", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
            path: "Targets/cel"),
        .executableTarget(
            name: "records",
            dependencies: ["CRecords", "Containers", "Models", "Policies", "Processes", "RE2", "Sensors"],
            path: "Targets/records"),
        // What is read of files is the module's own.
        .executableTarget(name: "symbols", path: "Targets/symbols"),
        // With the hook's own reader of JSON, and Models as the hook has them: in the same module.
        .systemLibrary(name: "CYajl"),
        .target(name: "CHook"),
        .executableTarget(
            name: "oci", dependencies: ["CHook", "CYajl"], path: "Targets/oci",
            linkerSettings: [.linkedLibrary("yajl_s")]),
    ]
)

for target in package.targets where [.regular, .executable].contains(target.type) {
    target.swiftSettings = settings
}
