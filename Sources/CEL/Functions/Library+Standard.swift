// SPDX-License-Identifier: Apache-2.0

extension Library {
    /// CEL's own functions, its usual extensions, and Kubernetes' for addresses.
    static let standard: Library = {
        var library = Library()
        library.addComparisons()
        library.addArithmetic()
        library.addConversions()
        library.addContainers()
        library.addStrings()
        library.addTime()
        library.addNetwork()
        library.addOptionals()
        library.addStringExtension()
        library.addMath()
        library.addSets()
        library.addLists()
        library.addEncoders()
        return library
    }()
}

/// Makes overloads shorter to write.
func overload(_ parameters: ValueType..., to result: ValueType) -> Overload { Overload(parameters, result) }
let typeA = ValueType.parameter("A")
let typeB = ValueType.parameter("B")
