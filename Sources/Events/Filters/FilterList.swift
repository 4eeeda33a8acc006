// SPDX-License-Identifier: Apache-2.0
internal import TetragonAPI

extension EventFilter {
    /// Filters as an operator writes them: Filter messages in protobuf's JSON.
    /// - Parameters:
    ///   - allow: nothing is asked for where there is none.
    ///   - allowName, denyName: what errors call the lists.
    package init(allow: String, of allowName: String, deny: String, of denyName: String) throws(FilterError) {
        let allow: [Tetragon_Filter] = try JSONMessages.read(allow, of: allowName)
        let deny: [Tetragon_Filter] = try JSONMessages.read(deny, of: denyName)
        try self.init(allow: allow, deny: deny, allowList: allowName, denyList: denyName)
    }
}
