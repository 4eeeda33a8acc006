// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct ContainerTableTests {
    private let pod = Apus_V1_KnownContainer.with {
        $0.container.id = "0123456789abcdef0123"
        $0.container.name = "web"
        $0.container.image = "busybox:1"
        $0.container.runtime = "containerd"
        $0.identity.source = "hook"
        $0.initPid = 4711
        $0.pod.namespace = "shop"
        $0.pod.name = "web-1"
    }
    private let nameless = Apus_V1_KnownContainer.with {
        $0.container.id = "evil\u{1b}[2J"
        $0.identity.source = "cgroup"
    }

    @Test func columnsAlignAndUnknownIsADash() {
        let text = ContainerTable([pod, nameless]).text(isColored: false)
        let expected = """
            NAMESPACE  POD    CONTAINER  ID             RUNTIME     SOURCE  INIT  IMAGE
            -          -      -          evil\\u{1b}[2J  -           cgroup  -     -
            shop       web-1  web        0123456789ab   containerd  hook    4711  busybox:1

            """
        #expect(text == expected)
    }

    @Test func withoutContainersThereIsTheHeaderAlone() {
        #expect(ContainerTable([]).text(isColored: false).split(separator: "\n").count == 1)
    }
}
