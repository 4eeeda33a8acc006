// SPDX-License-Identifier: Apache-2.0
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Holds what the verifier processed for each program against the checked-in table. A change that looks small can
    /// cost it a hundred times as much on one kernel and nothing on another, and slow the agent's start or end at its
    /// limit.
    @Suite struct VerifierCostTests {
        private static let kernel = OwnProcess.lines(of: "/proc/sys/kernel/osrelease").joined().split(separator: ".")
            .prefix(2).joined(separator: ".")
        private static let update =
            "if that is meant, run this test on that kernel with APUS_UPDATE_TABLE=1 and commit the table"
        /// Verifiers of one release differ a little between distributions' patches.
        private static let tolerance = 1.1

        @Test func `no program has become dearer for the verifier without the table saying so`() throws {
            let (configuration, types) = (SensorConfiguration(), try KernelTypes())
            let sensors = try BaseSensors(configuration, types: types)
            var costs = sensors.verifiedInstructions()
            let maps = try sensors.policyMaps(configuration, types: types)
            let tasks = try PolicyTasks(configuration, types: types, sharing: maps)
            costs.merge(tasks.verifiedInstructions()) { $1 }
            costs["process_exec+environment"] = try BaseSensors(SensorConfiguration(environment: true))
                .verifiedInstructions()["process_exec"]
            var table = try VerifierCostTable()
            if getenv("APUS_UPDATE_TABLE") != nil {
                try table.update(kernel: Self.kernel, with: costs)
                return
            }
            guard let expected = table.rows[Self.kernel] else {
                let isClaimed = table.kernels.contains(Self.kernel)
                #expect(
                    !isClaimed || getenv("CI") == nil, "the table has no rows for kernel \(Self.kernel): \(Self.update)"
                )
                return
            }
            for (program, cost) in costs.sorted(by: { $0.key < $1.key }) {
                guard let known = expected[program] else {
                    Issue.record("the table has no row for \(program) on \(Self.kernel) (now \(cost)): \(Self.update)")
                    continue
                }
                #expect(
                    Double(cost) <= Double(known) * Self.tolerance,
                    "\(program) costs the verifier \(cost) instructions on \(Self.kernel), not \(known): \(Self.update)"
                )
            }
            for program in expected.keys.sorted() where costs[program] == nil {
                Issue.record("\(program) is in the table and not loaded on \(Self.kernel): \(Self.update)")
            }
        }

        @Test func `a table is read and written alike`() throws {
            let text = """
                # kernels: 6.1 6.12
                # A remark.
                program\tkernel\tinstructions
                exec\t6.1\t2807
                fork\t6.1\t168

                """
            var table = try VerifierCostTable(text: text)
            #expect(table.text == text)
            #expect(table.kernels == ["6.1", "6.12"])
            #expect(table.rows == ["6.1": ["exec": 2807, "fork": 168]])
            table.rows["6.1"] = ["exec": 3000]
            table.rows["6.12"] = ["exec": 4000]
            #expect(table.text.hasSuffix("instructions\nexec\t6.1\t3000\nexec\t6.12\t4000\n"))
        }

        @Test(arguments: ["exec\t6.1", "exec\t6.1\tmany", "exec\t6.1\t1\t2"]) func `a bad row is named`(row: String) {
            #expect {
                _ = try VerifierCostTable(text: "# kernels: 6.1\nprogram\tkernel\tinstructions\n\(row)\n")
            } throws: { "\($0)".contains("line 3") }
        }
    }
}
