// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Export

extension AgentOptions {
    /// What the flags say of the export; nil: there is none.
    func export(_ shape: EventShape) -> ExportConfiguration? {
        guard let exportFilename else { return nil }
        var export = ExportConfiguration(path: exportFilename)
        export.permissions = exportFilePerm.bits
        export.rotation = RotationPolicy(
            maxSize: exportFileMaxSizeMb << 20, interval: exportFileRotationInterval.milliseconds * 1_000_000)
        export.maxBackups = exportFileMaxBackups
        export.compresses = exportFileCompress
        export.rateLimit = exportRateLimit < 0 ? nil : exportRateLimit
        export.queueSize = eventQueueSize
        export.filter = shape.exported
        export.fields = shape.exportedFields
        return export
    }

    /// Stdout cannot be opened anew; there a hang-up is the end, as usual.
    var reopensExport: Bool { exportFilename.map { $0 != "-" } ?? false }
}
