// SPDX-License-Identifier: Apache-2.0
import Processes
import RE2
import Testing

@Suite struct RedactionTests {
    private func redaction(_ secrets: String..., binaries: [String] = []) throws -> Redaction {
        Redaction([
            .init(
                binaries: try binaries.map { try RegularExpression($0) },
                secrets: try secrets.map { try RegularExpression($0) })
        ])
    }

    @Test(arguments: [
        (#"--password[= ](\S+)"#, "-u a --password hunter2 -h b", "-u a --password ***** -h b"),
        (#"--password[= ](\S+)"#, "--password=x --password=y", "--password=***** --password=*****"),
        (#"(?:user|pass)=(\S*)"#, "user= pass=x", "user=***** pass=*****"),
        (#"(\w+):(\w+)@"#, "https://me:secret@host", "https://*****:*****@host"),
        // A group in a masked one is masked with it; one that took no part is nothing.
        (#"((a)b)(c)"#, "xabcx", "x**********x"),
        (#"key=(?:(a)|(b))"#, "key=b", "key=*****"),
        // In a repetition the second may come first.
        (#"(?:--password (\S+)|--token (\S+)|\s)+"#, "--token T --password P", "--token ***** --password *****"),
        // Without a group there is nothing to mask, and without a match neither.
        (#"secret"#, "a secret", "a secret"), (#"token=(\S+)"#, "plain", "plain"), (#"(x)"#, "", ""),
        (#"naïve=(.)"#, "naïve=é!", "naïve=*****!"),
    ])
    func `each group of each match is masked`(secret: String, text: String, redacted: String) throws {
        #expect(try redaction(secret).redacted(text, of: "/bin/x") == redacted)
    }

    @Test func `expressions apply one after the other`() throws {
        let both = try redaction(#"a=(\d+)"#, #"a=(\*+) b=(\d+)"#)
        #expect(both.redacted("a=1 b=2", of: "/bin/x") == "a=***** b=*****")
    }

    @Test func `a rule with binaries is for these`() throws {
        let mysql = try redaction(#"-p(\S+)"#, binaries: ["/mysql$", "/psql$"])
        #expect(mysql.redacted("-psecret", of: "/usr/bin/mysql") == "-p*****")
        #expect(mysql.redacted("-psecret", of: "/usr/bin/mysqldump") == "-psecret")
    }

    @Test func `a long command line full of secrets takes no long time`() throws {
        let text = String(repeating: "k=v ", count: 64 << 10)
        let clock = ContinuousClock()
        let redaction = try redaction(#"k=(\S+)"#, #"(?:.*)*x"#)
        let took = clock.measure {
            #expect(redaction.redacted(text, of: "/bin/x").utf8.count == (4 + 4) * (64 << 10))
        }
        #expect(took < .seconds(5))
    }

    @Test func `no event and no child has what was masked`() throws {
        var script = Script(redaction: try redaction(#"--token (\S+)"#))
        script.exec(image(5, execs: 1), filename: "/bin/login", arguments: ["login", "--token", "hunter2"])
        script.fork(image(6), from: image(5, execs: 1))
        script.exit(image(6))
        script.exit(image(5, execs: 1))
        #expect(script.events.count == 3)
        for event in script.events {
            #expect(event.process.arguments == "--token *****")
            let encoded = [event.process, event.parent].compactMap { $0 }.map { $0.protobuf + $0.json }
            #expect(encoded.allSatisfy { !String(decoding: $0, as: UTF8.self).contains("hunter2") })
        }
    }
}
