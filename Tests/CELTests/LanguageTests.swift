// SPDX-License-Identifier: Apache-2.0
import CEL
import Testing

@Suite("CEL's language") struct LanguageTests {
    @Test(
        "literals",
        arguments: [
            ("42", "42"), ("0x2A", "42"), ("-9223372036854775808", "-9223372036854775808"), ("7u", "7u"),
            ("0xFFu", "255u"), ("1.5", "1.5"), (".5", "0.5"), ("1e3", "1000.0"), ("-2.5e-1", "-0.25"), ("true", "true"),
            ("null", "null"), ("'a'", "'a'"), ("\"it's\"", "'it's'"), ("'''a\n'b'''", "'a\n'b'"),
            (#"'\x41\u00e9\U0001F600\101\n\t\\\'\?\`'"#, "'Aé😀A\n\t\\'?`'"),
            (#"r'\d'"#, #"'\d'"#), (#"R"\""#, #"'\'"#),
            (#"b'a\xff\377é'"#, "b61,ff,ff,c3,a9"), (#"br'\x'"#, "b5c,78"), ("[1, 2,]", "[1, 2]"),
            ("{'a': 1, 2: 'b',}", "{'a': 1, 2: 'b'}"), ("1 // a comment\n + 2", "3"), ("{}", "{}"), ("[]", "[]"),
        ])
    func literals(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "what is no expression is refused, with the place",
        arguments: [
            ("", "1:1: the end of the expression stands where a value is expected"),
            ("1 +", "1:4: the end of the expression stands where a value is expected"),
            ("(1", "1:3: the end of the expression stands where ')' is expected"),
            ("1 2", "1:3: a number stands where an operator or the end is expected"),
            ("'abc", "1:1: the string has no closing quote"),
            ("'a\nb'", "1:3: a string ends on its line, unless it is in three quotes"),
            (#"'\q'"#, #"1:2: the escape sequence is unknown; a backslash itself is \\, or the string is raw: r'…'"#),
            (#"'\ud800'"#, "1:2: the escape sequence names no character of Unicode"),
            (#"'\x4'"#, "1:2: the escape sequence takes 2 digits"),
            (
                #"b'\u0041'"#,
                #"1:3: the escape sequence is unknown; a backslash itself is \\, or the string is raw: r'…'"#
            ),
            ("9223372036854775808", "1:1: the number is out of the range of an int"),
            ("18446744073709551616u", "1:1: the number is malformed, or out of the range of a uint"),
            ("1e999", "1:1: the number is out of a double's range"), ("12ab", "1:1: a letter follows a number at once"),
            ("a # b", "1:3: the character '#' has no meaning here"),
            ("é == 1", "1:1: the character 'é' has no meaning here"),
            ("1 ==\n  'é' && @", "2:10: the character '@' has no meaning here"),
            ("for == 1", "1:1: 'for' is reserved and cannot be used as a name"),
            ("a.in", "1:3: 'in' stands where the name of a field or function is expected"),
            ("p.`a", "1:3: a name in backticks is empty or has no end"),
            ("has(s)", "1:5: has() takes the selection of a field: has(a.b)"),
            ("list.all(1, true)", "1:10: a macro's variable is a simple name"),
            ("list.exists(x, x, true)", "1:16: the variables of a macro have different names"),
        ])
    func syntax(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "operators bind as in other languages",
        arguments: [
            ("1 + 2 * 3", "7"), ("(1 + 2) * 3", "9"), ("10 - 3 - 2", "5"), ("7 / 2", "3"), ("-7 / 2", "-3"),
            ("-7 % 3", "-1"),
            ("7u / 2u", "3u"), ("1.0 / 0.0", "inf"), ("2 + 3 == 5 && !false", "true"),
            ("true || false && false", "true"),
            ("1 < 2 == true", "true"), ("!!true", "true"), ("--5", "5"), ("true ? 1 : false ? 2 : 3", "1"),
            ("'a' + 'b' + 'c'", "'abc'"), ("b'a' + b'b'", "b61,62"), ("[1] + [2, 3]", "[1, 2, 3]"),
            ("2 in [1, 2]", "true"),
            ("'x' in {'x': 1}", "true"), ("1 in [1.0]", "1:3: the operator 'in' does not take (int, list(double))"),
            ("[1, 2][1]", "2"), ("{'a': {'b': 3}}.a.b", "3"),
            ("{1: 'x'}[dyn(1u)]", "'x'"), ("5 > 3 && 'b' > 'a' && 2.0 >= 2.0 && true > false", "true"), ("-(1)", "-1"),
        ])
    func operators(source: String, expected: String) {
        #expect(value(source) == expected)
    }

    @Test(
        "numbers of different types are compared as numbers",
        arguments: [
            ("1 < 2u", "true"), ("-1 < 0u", "true"), ("1u > -1", "true"), ("1 < 1.5", "true"), ("2.5 > 2u", "true"),
            ("dyn(1) == 1.0", "true"), ("dyn(1u) == 1", "true"), ("dyn(-1) == 18446744073709551615u", "false"),
            ("dyn(1) == 'a'", "false"), ("dyn(0.0) == -0.0", "true"), ("0.0 / 0.0 == 0.0 / 0.0", "false"),
            ("0.0 / 0.0 < 1.0", "false"), ("dyn(1.5) in [1, 2]", "false"), ("dyn(2.0) in [1, 2]", "true"),
            ("[1, 2] == [dyn(1.0), dyn(2u)]", "true"), ("{'a': dyn(1)} == {'a': dyn(1.0)}", "true"),
            ("[1] == [1, 2]", "false"), ("null == null", "true"), ("dyn(null) == 0", "false"),
        ])
    func numbers(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "what has no result says why",
        arguments: [
            ("1 / 0", "error: divide by zero"), ("1u % 0u", "error: divide by zero"),
            ("9223372036854775807 + 1", "error: +: the result is out of range"),
            ("-9223372036854775808 - 1", "error: -: the result is out of range"),
            ("-(-9223372036854775808)", "error: -: the result is out of range"),
            ("-9223372036854775808 / -1", "error: /: the result is out of range"),
            ("-9223372036854775808 % -1", "error: %: the result is out of range"),
            ("9223372036854775807 * 2", "error: *: the result is out of range"),
            ("0u - 1u", "error: -: the result is out of range"),
            ("[1][1]", "error: index 1 is out of range of a list of 1"),
            ("[1][-1]", "error: index -1 is out of range of a list of 1"),
            ("[1][dyn(0.5)]", "error: the index of a list is a whole number"), ("{'a': 1}.b", "error: no such key"),
            ("{'a': 1, 'a': 2}", "error: a key of the map is there twice"),
            ("{1: 1, 1u: 2}", "error: a key of the map is there twice"),
            ("{dyn(1.5): 1}", "error: a value of type double cannot be the key of a map"),
            ("dyn('a') + dyn(1)", "error: no such overload: _+_ does not take values of these types"),
            ("dyn(1) && true", "error: no such overload: _&&_ does not take values of these types"),
            ("dyn(p).nothing", "error: no such field: nothing"), ("i", "error: nothing is known by the name i"),
        ])
    func errors(source: String, expected: String) {
        #expect(value(source, ["p": .message(process("Process{}"))]) == expected)
    }

    @Test(
        "an operand that decides hides an error, a condition does not",
        arguments: [
            ("true || 1 / 0 == 1", "true"), ("1 / 0 == 1 || true", "true"), ("false && 1 / 0 == 1", "false"),
            ("1 / 0 == 1 && false", "false"), ("1 / 0 == 1 || false", "error: divide by zero"),
            ("1 / 0 == 1 && true", "error: divide by zero"), ("true ? 1 : 1 / 0", "1"), ("false ? 1 / 0 : 2", "2"),
            ("1 / 0 == 1 ? 1 : 2", "error: divide by zero"), ("1 / 0 == 1 || false || true", "true"),
            ("[0, 1].exists(x, 1 / x == 1)", "true"), ("[0, 2].exists(x, 1 / x == 1)", "error: divide by zero"),
            ("[0, 2].all(x, 1 / x == 1)", "false"), ("[0, 1].all(x, 1 / x == 1)", "error: divide by zero"),
            ("[0, 1].exists_one(x, 1 / x == 1)", "error: divide by zero"),
        ])
    func absorbing(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "macros",
        arguments: [
            ("[1, 2, 3].all(x, x > 0)", "true"), ("[].all(x, false)", "true"), ("[1, 2].exists(x, x == 2)", "true"),
            ("[].exists(x, true)", "false"), ("[1, 2, 1].exists_one(x, x == 1)", "false"),
            ("[1, 2].existsOne(x, x == 2)", "true"), ("[1, 2, 3].filter(x, x % 2 == 1)", "[1, 3]"),
            ("[1, 2].map(x, x * 10)", "[10, 20]"), ("[1, 2, 3].map(x, x > 1, x * x)", "[4, 9]"),
            ("{'a': 1, 'b': 2}.filter(k, k > 'a')", "['b']"), ("{'a': 1}.map(k, k + '!')", "['a!']"),
            ("[5, 6].exists(i, x, i == 1 && x == 6)", "true"), ("{'a': 1}.all(k, v, k == 'a' && v == 1)", "true"),
            ("[5, 6].transformList(i, x, i + x)", "[5, 7]"), ("[5, 6].transformList(i, x, i > 0, x)", "[6]"),
            ("{'a': 1, 'b': 2}.transformMap(k, v, v * 2)", "{'a': 2, 'b': 4}"),
            ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k)", "{'b': 'b'}"),
            ("{'a': 'x', 'b': 'y'}.transformMapEntry(k, v, {v: k})", "{'x': 'a', 'y': 'b'}"),
            ("{'a': 1, 'b': 2}.transformMapEntry(k, v, {'same': k})", "error: a key of the map is there twice"),
            ("[[1], [2]].map(x, x.map(y, y + 1))", "[[2], [3]]"), ("[1].map(x, [2].map(x, x))", "[[2]]"),
            ("cel.bind(x, 2, x * x)", "4"), ("[1].exists(s, s == 1)", "true"),
            ("has({'a': 1}.a) && !has({'a': 1}.b)", "true"),
            ("cel.block([1, cel.index(0) + 1], cel.index(1))", "2"),
        ])
    func macros(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "optional values",
        arguments: [
            ("{'a': 1}.?a", "optional(1)"), ("{'a': 1}.?b", "optional()"), ("[1][?0]", "optional(1)"),
            ("[1][?7]", "optional()"),
            ("{'a': {'b': 2}}.?a.b", "optional(2)"), ("{'a': {'b': 2}}.?x.b", "optional()"),
            ("{'a': 1}.?b.orValue(7)", "7"), ("optional.none().or(optional.of(3))", "optional(3)"),
            ("optional.of(1).hasValue()", "true"), ("optional.of(1).value()", "1"),
            ("optional.none().value()", "error: value(): the optional holds nothing"),
            ("optional.of(2).optMap(x, x * 2)", "optional(4)"), ("optional.of(2).optFlatMap(x, [5][?x])", "optional()"),
            ("optional.ofNonZeroValue('')", "optional()"), ("[?optional.none(), ?optional.of(1)]", "[1]"),
            ("{?'a': optional.none(), 'b': 1}", "{'b': 1}"), ("optional.of(1) == optional.of(1)", "true"),
            ("optional.of(1) != optional.none()", "true"),
        ])
    func optionals(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "names are looked up from the innermost scope out",
        arguments: [
            ("Process{binary: 'x'}.binary", "'x'"), ("v1.Process{}", "test.v1.Process"),
            (".test.v1.Process{}", "test.v1.Process"),
            ("State.RUNNING", "3"), ("test.v1.State.RUNNING", "3"), ("type(Process{}) == Process", "true"),
            ("a.b + 1", "8"), ("[1].map(a, a)", "[1]"), ("type(1) == int && type(type(1)) == type", "true"),
            ("type(timestamp(0)) == google.protobuf.Timestamp", "true"),
            ("[{'b': 2}].map(a, a.b)", "[2]"),
        ])
    func names(source: String, expected: String) { #expect(value(source, ["a.b": .int(7)]) == expected) }

    @Test(
        "the checker refuses what can have no result",
        arguments: [
            ("x == 1", "1:1: nothing is known by the name 'x'"),
            ("1 + 'a'", "1:3: the operator '+' does not take (int, string)"),
            ("1 + 1u", "1:3: the operator '+' does not take (int, uint)"),
            ("s == 1", "1:3: the operator '==' does not take (string, int)"),
            ("!1", "1:1: the operator '!' does not take (int)"),
            ("i && true", "1:1: an operand of '&&' is of type int, where bool is expected"),
            ("i ? 1 : 2", "1:1: the condition before '?' is of type int, where bool is expected"),
            ("true ? 1 : 'a'", "1:12: the values on both sides of ':' differ in type: int and string"),
            ("p.bin", "1:2: the type test.v1.Process has no field 'bin'"),
            ("i.x", "1:2: a value of type int has no fields, so no 'x'"),
            ("list['a']", "1:6: the index of a list is of type string, where int is expected"),
            ("{'a': 1}[1]", "1:10: the key is of type int, where string is expected"),
            ("i[0]", "1:2: a value of type int has no elements"),
            ("s.startsWith(1)", "1:2: the function 'startsWith' does not take (string, int)"),
            (
                "s.startsWith()",
                "1:2: there is no function 'startsWith' of a value of type string that takes 0 arguments"
            ),
            ("nope(1)", "1:1: there is no function 'nope' that takes one argument"),
            ("Process{bin: 1}", "1:9: the type test.v1.Process has no field 'bin'"),
            ("Process{binary: 1}", "1:17: the field 'binary' is of type int, where string is expected"),
            ("Process{binary: '', binary: ''}", "1:21: the field 'binary' is there twice"),
            ("Nope{}", "1:1: there is no message type 'Nope'"),
            ("i.all(x, true)", "1:1: a macro goes through a list or map, not through a value of type int"),
            ("list.all(x, x)", "1:13: the condition of a macro is of type int, where bool is expected"),
            ("{1.5: 1}", "1:2: a value of type double cannot be the key of a map: bool, int, uint and string can"),
            ("p.pid == 'a'", "1:7: the operator '==' does not take (wrapper(uint), string)"),
        ])
    func checking(source: String, expected: String) { #expect(value(source) == expected) }

    @Test(
        "types are found",
        arguments: [
            ("[1, 2]", "list(int)"), ("[1, 'a']", "list(dyn)"), ("[]", "list(dyn)"), ("{'a': 1u}", "map(string, uint)"),
            ("[[], [1]]", "list(list(int))"), ("p.labels", "map(string, string)"), ("p.pid", "wrapper(uint)"),
            ("p.pid + 1u", "uint"), ("p.start", "google.protobuf.Timestamp"), ("p.json", "dyn"), ("p.state", "int"),
            ("p.numbers.map(x, string(x))", "list(string)"), ("optional.of(1)", "optional_type(int)"),
            ("p.?pid", "optional_type(wrapper(uint))"), ("true ? p.pid : null", "wrapper(uint)"), ("d.x.y", "dyn"),
            ("size(d) + i", "int"), ("[p.pid, 1u]", "list(wrapper(uint))"), ("ip('::1')", "net.IP"),
            ("type(1)", "type"),
            ("timestamp(0) - timestamp(0)", "google.protobuf.Duration"), ("p", "test.v1.Process"),
        ])
    func types(source: String, expected: String) throws {
        #expect(try plain.compile(source, result: .dyn).type.description == expected)
    }

    @Test("a filter is true or false, and nothing else")
    func filterType() throws {
        let error = #expect(throws: CompileError.self) { try plain.compile("i + 1") }
        #expect(error?.description == "1:1: the expression is of type int, where bool is expected")
        #expect(try plain.compile("p.in_init_tree").type == .wrapper(.bool))
        #expect(throws: EvaluationError.self) {
            try plain.compile("d").matches(.all(plain.variables.map { _ in .int(1) }))
        }
    }
}

/// A message that an expression makes.
func process(_ source: String) -> MessageValue {
    guard let program = try? plain.compile(source, result: .dyn),
        case .message(let message) = try? program.evaluate(.all([]))
    else { fatalError("the test's own message is none: \(source)") }
    return message
}
