// SPDX-License-Identifier: Apache-2.0

/// The owner that people think in, told from what a pod says itself: nothing else needs to be asked, nor permitted.
struct Workload: Equatable {
    let kind: String
    let name: String

    /// A ReplicaSet is a Deployment's where its name is the Deployment's and the pod's template hash; a Job is a
    /// CronJob's where its name ends in the minute that it was due. These are the names that the controllers give.
    init(ofPod pod: String, labels: [String: String], owners: [PodObject.Owner]) {
        // A mirror pod stands for one from a manifest, which nobody owns.
        guard let owner = owners.first(where: { $0.controller?.value == true && !$0.name.isEmpty }),
            owner.kind != "Node"
        else {
            kind = "Pod"
            name = pod
            return
        }
        if owner.kind == "ReplicaSet", let hash = labels["pod-template-hash"], !hash.isEmpty,
            let deployment = owner.name.dropping(suffix: "-" + hash)
        {
            kind = "Deployment"
            name = deployment
        } else if owner.kind == "Job", let cronJob = owner.name.droppingMinutes {
            kind = "CronJob"
            name = cronJob
        } else {
            kind = owner.kind
            name = owner.name
        }
    }
}

extension String {
    /// Nil where the suffix is not there or is everything.
    fileprivate func dropping(suffix: String) -> String? {
        hasSuffix(suffix) && utf8.count > suffix.utf8.count ? String(dropLast(suffix.count)) : nil
    }

    /// Without `-` and 8 to 10 digits (minutes since 1970 have 8 until the year 2160); nil where they are not there.
    fileprivate var droppingMinutes: String? {
        guard let dash = lastIndex(of: "-"), dash > startIndex else { return nil }
        let digits = self[dash...].dropFirst().utf8
        guard (8...10).contains(digits.count),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return String(self[..<dash])
    }
}
