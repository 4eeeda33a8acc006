// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords

/// Where a probe has the values that a shape asks for, location by location.
extension PolicyProgram {
    func fitLocations() throws(SensorError) {
        let map = try map("pol_locations")
        guard case .locations(let probe, _) = target else {
            bpf_map__set_autocreate(map, false)
            return
        }
        let result = bpf_map__set_max_entries(map, UInt32(clamping: probe.locations.count))
        guard result == 0 else { throw SensorError("set the size of", "the map pol_locations", errno: result) }
    }

    /// Before it is attached.
    func setLocations() throws(SensorError) {
        guard case .locations(let probe, _) = target else { return }
        for (location, index) in zip(probe.locations, UInt32(0)...) {
            var value = pol_location()
            withUnsafeMutableBytes(of: &value) { bytes in
                let sources = bytes.bindMemory(to: pol_source.self)
                withUnsafeBytes(of: shape.arguments) { arguments in
                    for (slot, argument) in arguments.bindMemory(to: pol_argument.self).enumerated()
                    where argument.type != 0 && location.arguments.indices.contains(Int(argument.offset)) {
                        sources[slot] = pol_source(location.arguments[Int(argument.offset)])
                    }
                }
            }
            try set("pol_locations", index, value)
        }
    }
}

extension pol_source {
    fileprivate init(_ argument: ProbeArgument) {
        self.init()
        bytes = UInt8(clamping: argument.size)
        is_signed = argument.isSigned ? 1 : 0
        (base, index) = (UInt16(POL_NO_REGISTER), UInt16(POL_NO_REGISTER))
        switch argument.source {
        case .constant(let constant):
            kind = UInt8(POL_IS_CONSTANT.rawValue)
            number = UInt64(bitPattern: constant)
        case .register(let register):
            kind = UInt8(POL_IN_REGISTER.rawValue)
            base = register.offset
        case .memory(let base, let index, let shift, let displacement):
            kind = UInt8(POL_IN_MEMORY.rawValue)
            self.base = base?.offset ?? self.base
            self.index = index?.offset ?? self.index
            scale = shift
            number = UInt64(bitPattern: displacement)
        // Nobody asks for these.
        case .symbol, .unreadable: break
        }
    }
}
