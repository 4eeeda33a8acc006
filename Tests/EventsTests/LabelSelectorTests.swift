// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import Events

@Suite("Label selectors")
struct LabelSelectorTests {
    private func matches(_ selector: String, _ labels: [String: String]) throws -> Bool {
        let pod = try ContainerIdentity(id: "a", name: "web", podName: "p", podNamespace: "prod", podUID: "u")
        return try LabelSelector(selector).matches(PodLabels(own: labels, pod: pod))
    }

    @Test(
        "what Kubernetes' syntax says, as Kubernetes says it",
        arguments: [
            ("", true), ("app", true), ("!app", false), ("absent", false), ("!absent", true), ("! absent", true),
            ("app=shop", true), ("app==shop", true), ("app = shop", true), ("app=Shop", false), ("app=", false),
            ("empty=", true), ("empty==", true), ("empty", true), ("empty in ()", true), ("empty in (a,)", true),
            ("app!=shop", false), ("app!=bar", true), ("absent!=shop", true), ("absent=shop", false),
            ("app in (shop)", true), ("app in (bar, shop)", true), ("app in(bar,shop)", true),
            ("app in ( shop )", true), ("app in (bar)", false), ("absent in (bar)", false),
            ("app notin (shop)", false), ("app notin (bar)", true), ("absent notin (shop)", true),
            ("app=shop,tier=web", true), ("app=shop, tier notin (db),!absent", true), ("app=shop,tier=db", false),
            ("replicas>2", true), ("replicas > 3", false), ("replicas<4", true), ("replicas < 3", false),
            ("app>1", false), ("absent<5", false), ("replicas>-1", true),
            ("example.com/role=front_end.1", true), ("k8s:app=shop", true), ("!k8s:app", false),
            ("in=1", true), ("notin", true), ("in in (1)", true), ("in", true),
            ("  app=shop  ", true), ("app\t=\nshop", true),
            ("io.kubernetes.pod.namespace in (prod,test)", true), ("k8s:io.kubernetes.pod.name=p", true),
            ("io.kubernetes.pod.uid=u", true), ("io.kubernetes.container.name=web", true),
        ])
    func semantics(selector: String, expected: Bool) throws {
        let labels = [
            "app": "shop", "tier": "web", "empty": "", "replicas": "3", "example.com/role": "front_end.1", "in": "1",
            "notin": "x",
        ]
        #expect(try matches(selector, labels) == expected)
    }

    @Test(
        "what is none is refused, with the place",
        arguments: [
            ("!@#$%", 1), (",", 0), ("app,", 4), ("app,,b", 4), ("app=shop;b=c", 4), ("=shop", 0), ("app in", 6),
            ("app in (", 8), ("app in (a", 9), ("app in a", 7), ("app in (a b)", 10), ("app in (a))", 10),
            ("app isnt (a)", 4), ("app=a=b", 5), ("app=a b", 6), ("app><1", 4), ("app>x", 4), ("app<", 4),
            ("-app", 0), ("app-", 0), ("a/b/c", 0), ("/app", 0), ("app/", 0), ("Example.com/a", 0), ("a..b/c", 0),
            ("app=-a", 4), ("app=ä", 4), ("ä", 0), ("k8s:", 4), ("other:app", 0), ("!", 1), ("!=a", 1), ("app!", 3),
            ("app=\u{0}", 4), ("app=\u{FFFD}", 4), ("!app=b", 4), ("()", 0), ("app>9223372036854775808", 4),
        ])
    func refusals(selector: String, offset: Int) throws {
        let error = #expect(throws: LabelSelectorError.self) { try LabelSelector(selector) }
        #expect(error?.offset == offset, "\(selector): \(error.map { "\($0)" } ?? "")")
    }

    @Test("names and values have Kubernetes' bounds, and a selector has its own")
    func bounds() throws {
        func text(_ count: Int) -> String { String(repeating: "a", count: count) }
        #expect(throws: Never.self) { try LabelSelector("\(text(253))/\(text(63))=\(text(63))") }
        #expect(throws: LabelSelectorError.self) { try LabelSelector(text(64)) }
        #expect(throws: LabelSelectorError.self) { try LabelSelector("a=\(text(64))") }
        #expect(throws: LabelSelectorError.self) { try LabelSelector("\(text(254))/a") }
        #expect(throws: LabelSelectorError.self) { try LabelSelector(String(repeating: " ", count: 4097)) }
        let many = (0..<256).map { "a\($0)" }
        #expect(try LabelSelector(many.joined(separator: ",")).requirements.count == 256)
        #expect(throws: LabelSelectorError.self) { try LabelSelector((many + ["b"]).joined(separator: ",")) }
        #expect(throws: Never.self) { try LabelSelector("a in (\(many.joined(separator: ",")))") }
        #expect(throws: LabelSelectorError.self) {
            try LabelSelector("a in (\((many + ["b"]).joined(separator: ",")))")
        }
    }
}
