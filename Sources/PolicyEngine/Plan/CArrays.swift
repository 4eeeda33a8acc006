// SPDX-License-Identifier: Apache-2.0
package import CRecords

/// The element of an array of C's, which comes as a tuple; nothing is written beyond its end.
private func store<Array, Element: BitwiseCopyable>(_ element: Element, at index: Int, of array: inout Array) {
    withUnsafeMutableBytes(of: &array) { bytes in
        let offset = index * MemoryLayout<Element>.stride
        guard index >= 0, offset + MemoryLayout<Element>.size <= bytes.count else { return }
        bytes.storeBytes(of: element, toByteOffset: offset, as: Element.self)
    }
}

private func elements<Array, Element: BitwiseCopyable>(of array: Array, _: Element.Type) -> [Element] {
    withUnsafeBytes(of: array) { bytes in
        stride(from: 0, to: bytes.count, by: MemoryLayout<Element>.stride).map {
            bytes.loadUnaligned(fromByteOffset: $0, as: Element.self)
        }
    }
}

extension pol_shape {
    package var values: [pol_argument] { elements(of: arguments, pol_argument.self) }
    package var ways: [pol_resolution] { elements(of: resolutions, pol_resolution.self) }
    package var entrySelectors: [pol_selector] { elements(of: at_entry, pol_selector.self) }

    mutating func setValue(_ value: pol_argument, at index: Int) { store(value, at: index, of: &arguments) }
    mutating func setResolution(_ resolution: pol_resolution, at index: Int) {
        store(resolution, at: index, of: &resolutions)
    }
    mutating func setSelector(_ selector: pol_selector, at index: Int) { store(selector, at: index, of: &at_entry) }
}

extension pol_selector {
    package var allFilters: [pol_filter] { elements(of: filters, pol_filter.self) }
    package var allActions: [UInt8] { elements(of: actions, UInt8.self) }

    mutating func setFilter(_ filter: pol_filter, at index: Int) { store(filter, at: index, of: &filters) }
    mutating func setAction(_ action: pol_action, at index: Int) {
        store(UInt8(truncatingIfNeeded: action.rawValue), at: index, of: &actions)
    }
}

extension pol_row {
    /// - Parameter selector: nil: the one at return.
    package func operand(_ filter: Int, of selector: Int?) -> pol_operand? {
        let operands =
            selector == nil
            ? elements(of: return_operands, pol_operand.self) : elements(of: self.operands, pol_operand.self)
        let index = (selector ?? 0) * Int(POL_FILTERS_MAX.rawValue) + filter
        return operands.indices.contains(index) ? operands[index] : nil
    }

    package func values(of selector: Int) -> pol_action_values? {
        let all = elements(of: actions, pol_action_values.self)
        return all.indices.contains(selector) ? all[selector] : nil
    }

    /// - Parameter selector: nil: the one at return.
    mutating func setOperand(_ operand: pol_operand, _ filter: Int, of selector: Int?) {
        if let selector {
            store(operand, at: selector * Int(POL_FILTERS_MAX.rawValue) + filter, of: &operands)
        } else {
            store(operand, at: filter, of: &return_operands)
        }
    }

    mutating func setValues(_ values: pol_action_values, of selector: Int) { store(values, at: selector, of: &actions) }
}
