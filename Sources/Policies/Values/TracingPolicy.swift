// SPDX-License-Identifier: Apache-2.0

/// A policy, as one document of YAML says it.
package struct TracingPolicy: Sendable, Equatable {
    package var scope: Scope
    package var name: String
    package var labels: [String: String]
    package var annotations: [String: String]
    package var spec: PolicySpec

    package enum Scope: Sendable, Equatable {
        /// TracingPolicy
        case cluster
        /// TracingPolicyNamespaced: of the pods of a namespace.
        case namespace(String)
    }

    /// - Parameters: as the properties of these names.
    package init(
        scope: Scope, name: String, labels: [String: String] = [:], annotations: [String: String] = [:],
        spec: PolicySpec
    ) {
        self.scope = scope
        self.name = name
        self.labels = labels
        self.annotations = annotations
        self.spec = spec
    }
}

/// A policy's document as it is written.
struct PolicyFields: Sendable {
    var version = Version.alpha1
    var kind = Kind.cluster
    var metadata = Metadata()
    var spec = PolicySpec()

    enum Version: String, Choice {
        case alpha1 = "cilium.io/v1alpha1"

        var doc: String { "The only version that there is." }
    }

    enum Kind: String, Choice {
        case cluster = "TracingPolicy"
        case namespaced = "TracingPolicyNamespaced"

        var doc: String {
            switch self {
            case .cluster: "Of the whole node."
            case .namespaced: "Of the pods of the namespace that metadata names."
            }
        }
    }

    struct Metadata: Sendable {
        var name = ""
        var namespace: String?
        var labels: [String: String] = [:]
        var annotations: [String: String] = [:]

        static let schema = ObjectSchema(
            "Metadata", Metadata(), doc: "What Kubernetes keeps of each object.",
            [
                .field(
                    "name", \.name,
                    .parsed(
                        "a DNS subdomain: letters in lower case, digits, - and .", 1...253,
                        pattern: #"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"#
                    ) {
                        $0.isDNSSubdomain ? $0 : nil
                    }, isRequired: true, "The policy's name."),
                .optional(
                    "namespace", \.namespace,
                    .parsed(
                        "a DNS label: letters in lower case, digits and -", 1...63,
                        pattern: "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
                    ) {
                        $0.isDNSLabel ? $0 : nil
                    }, "Of a TracingPolicyNamespaced: whose pods are meant; `default` where none is named."),
                .field(
                    "labels", \.labels, .map(key, TextShape(what: "a label's value", length: 0...63)) { _, _ in true },
                    "What the policy is found by."),
                .field(
                    "annotations", \.annotations,
                    .map(key, TextShape(what: "an annotation's text", length: 0...262_144)) { _, _ in true },
                    "What others note on it."),
            ] + kept.map { .unread($0, "Kept by Kubernetes; nobody reads it here.") })

        private static let key = TextShape(what: "a key", length: 1...317)
        private static let kept = [
            "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers", "generateName",
            "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid",
        ]
    }

    static let schema = ObjectSchema(
        "TracingPolicy", PolicyFields(), doc: "What is watched on a node, and what is forbidden.",
        [
            .field("apiVersion", \.version, .choice, isRequired: true, "The schema's version."),
            .field("kind", \.kind, .choice, isRequired: true, "Where the policy holds."),
            .field("metadata", \.metadata, .object(Metadata.schema), isRequired: true, "The policy's name."),
            .field("spec", \.spec, .object(PolicySpec.schema), isRequired: true, "What it watches and does."),
        ], judgesParts: true
    ) { fields, reading in
        guard reading.isClean(.field("kind")), reading.isClean(.field("metadata")) else { return }
        switch (fields.kind, fields.metadata.namespace) {
        case (.cluster, .some):
            reading.report(
                [.field("metadata"), .field("namespace")],
                "a TracingPolicy is of no namespace: leave it out, or let kind be TracingPolicyNamespaced")
        case (.namespaced, _) where fields.spec.includesHost:
            reading.report(
                [.field("spec"), .field("hostSelector")],
                "a TracingPolicyNamespaced is of pods, so the host is not in it"
            )
        default: break
        }
    }
}

extension TracingPolicy {
    static let codec = Codec<PolicyFields>.object(PolicyFields.schema).converted { fields, _ in
        TracingPolicy(
            // A client of Kubernetes would have put it there.
            scope: fields.kind == .namespaced ? .namespace(fields.metadata.namespace ?? "default") : .cluster,
            name: fields.metadata.name,
            labels: fields.metadata.labels, annotations: fields.metadata.annotations, spec: fields.spec)
    }
}
