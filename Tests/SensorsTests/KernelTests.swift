// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors
import Testing

/// Real actions on the running kernel, whichever that is, and every record of them. Needs root.
///
/// One after the other: the sensors see the whole machine, and most of these tests share one set of them.
@Suite(.serialized) enum KernelTests {}

/// A suite that looks at records.
protocol KernelSuite {}

extension KernelSuite {
    /// The same for all: loading them takes an emulated machine longer than most tests do. A recording leaves nothing
    /// attached and nothing in the ring.
    var sensors: BaseSensors { get throws { try loadedSensors.get() } }

    func record(_ action: () throws -> Void) throws -> Recording {
        let sensors = try sensors
        let recording = try Recording(on: sensors, action)
        #expect(recording.malformed == 0)
        #expect(recording.gaps == 0)
        #expect(sensors.missed() == 0)
        return recording
    }
}

private let loadedSensors = Result { try BaseSensors(Hierarchy.configuration(ringBytes: 64 << 20)) }

extension Collection {
    /// The one element, if there is just one.
    var only: Element? { count == 1 ? first : nil }
}
