// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Policies

@Suite struct SchemaTests {
    private static let root = PolicyFields.schema.shape

    /// All fields, with their paths.
    private static let fields: [(path: String, field: FieldShape)] = fields(of: root, "")

    private static func fields(of object: ObjectShape, _ path: String) -> [(path: String, field: FieldShape)] {
        object.fields.flatMap { field -> [(path: String, field: FieldShape)] in
            let place = path.isEmpty ? field.name : path + "." + field.name
            return [(place, field)] + objects(in: field.shape).flatMap { fields(of: $0, place) }
        }
    }

    private static func objects(in shape: Shape) -> [ObjectShape] {
        switch shape {
        case .object(let object): [object]
        case .list(let element, _): objects(in: element)
        default: []
        }
    }

    private static func choices(in shape: Shape) -> [ChoiceShape] {
        switch shape {
        case .choice(let choices): choices
        case .list(let element, _): choices(in: element)
        default: []
        }
    }

    @Test("docs/tracing-policy.schema.json is what apus policy explain -o json prints")
    func document() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/tracing-policy.schema.json")
        #expect(try String(contentsOf: file, encoding: .utf8) == PolicySchema.json.lines)
    }

    @Test("the JSON Schema is JSON, and refers to nothing that is not in it")
    func json() throws {
        let text = PolicySchema.json.lines
        let schema = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let definitions = try #require(schema["$defs"] as? [String: Any])
        let references = text.matches(of: /#\/\$defs\/([A-Za-z]+)/).map { String($0.output.1) }
        #expect(Set(references) == Set(definitions.keys))
        let line = try JSONSerialization.jsonObject(with: Data(PolicySchema.json.line.utf8)) as? NSDictionary
        #expect(line == schema as NSDictionary)
    }

    @Test("every field and every name has a sentence, and no field is there twice")
    func sentences() {
        #expect(Self.fields.count > 300)
        for (path, field) in Self.fields {
            #expect(field.doc.hasSuffix(".") && field.doc.count > 5, "\(path)")
            for choice in Self.choices(in: field.shape) where !choice.name.hasPrefix("CAP_") {
                #expect(choice.doc.hasSuffix("."), "\(path) \(choice.name)")
            }
        }
        #expect(Set(Self.fields.map(\.path)).count == Self.fields.count)
    }

    @Test("shapes of one name are one")
    func shapes() {
        var seen: [String: String] = [:]
        for (path, field) in Self.fields {
            for object in Self.objects(in: field.shape) {
                let text = "\(object)"
                #expect(seen.updateValue(text, forKey: object.name) ?? text == text, "\(path)")
            }
        }
    }

    @Test("every field can be explained, with numbers in brackets or without")
    func explanations() throws {
        for (path, field) in Self.fields {
            let text = try PolicySchema.explanation(of: path)
            #expect(text.contains("  \(path)\n") && text.contains(field.doc))
            #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 200 })
        }
        let problem = "spec.kprobes[0].selectors[1].matchArgs[2].operator"
        #expect(
            try PolicySchema.explanation(of: problem)
                == PolicySchema.explanation(of: problem.replacing(/\[[0-9]\]/, with: "")))
    }

    @Test("what is explained is the type, the bounds, the sentences and the fields")
    func explanation() throws {
        let text = """
            PATH   spec.kprobes.selectors.matchBinaries
            TYPE   list (at most 1) of BinaryMatch, may be missing
            ABOUT  Which processes, by what they run.
                   Which processes, by the path of what they run.

            FIELDS
              operator        one of 6 names, required
                              How paths are compared.
              values          list (1 to 4096) of a path, 1 to 256 bytes, required
                              Paths, or their beginnings or ends. Whole ones have at most 255 bytes, beginnings 256, ends 127.
              followChildren  true or false, false if missing
                              Also what descends from these. Only with In.

            """
        #expect(try PolicySchema.explanation(of: "spec.kprobes.selectors.matchBinaries") == text)
        let scope = """
            PATH   spec.lsmhooks.selectors.matchActions.rateLimitScope
            TYPE   one of 3 names, may be missing
            ABOUT  For Post with rateLimit: whose events are the same; thread if it is not given.

            VALUES
              thread   Those of one thread.
              process  Those of one process.
              global   Those of all processes.

            """
        #expect(try PolicySchema.explanation(of: "spec.lsmhooks.selectors.matchActions.rateLimitScope") == scope)
        #expect(
            try PolicySchema.explanation(of: "spec.tracepoints.raw").contains(
                "SINCE    policies later than Tetragon 1.3's"))
        #expect(try PolicySchema.explanation(of: "").contains("  metadata    Metadata, required\n"))
    }

    @Test(
        "what there is not is refused with what was meant",
        arguments: [
            ("spec.kprob", "spec has no field \"kprob\": did you mean kprobes?"),
            ("spc", "a policy has no field \"spc\": did you mean spec?"),
            ("spec.enforcers.x", "spec.enforcers has no field \"x\", only calls"),
            ("spec.loader.x", "spec.loader has no fields, so no \"x\" either"),
            (
                "spec.",
                "spec has no field \"\", only kprobes, tracepoints, uprobes, usdts, lsmhooks, loader, lists, enforcers, "
                    + "options, podSelector, containerSelector, hostSelector"
            ),
            (
                "spec.kprobes.\u{1b}[2J",
                "spec.kprobes has no field \"\u{1b}\", only call, syscall, args, return, returnArg, "
                    + "returnArgAction, message, tags, selectors, ignore"
            ),
        ])
    func unknown(path: String, words: String) {
        let error = #expect(throws: PolicySchema.NoSuchField.self) { try PolicySchema.explanation(of: path) }
        #expect(error?.description == words)
    }

    @Test("what holds where nothing is said is what the schema says")
    func defaults() throws {
        let initial = Dictionary(Self.fields.compactMap { path, field in field.initial.map { (path, $0) } }) {
            first, _ in first
        }
        #expect(initial["spec.kprobes.syscall"] == "true" && Kprobe().isSystemCall)
        #expect(initial["spec.kprobes.return"] == "false" && !Kprobe().hasReturn)
        #expect(initial["spec.tracepoints.args.type"] == "\"auto\"")
        #expect(initial["spec.kprobes.selectors.matchCapabilities.type"] == "\"Effective\"")
        #expect(initial["spec.lists.type"] == "\"none\"" && initial["spec.kprobes.call"] == nil)
    }
}
