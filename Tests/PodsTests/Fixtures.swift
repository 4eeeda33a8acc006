// SPDX-License-Identifier: Apache-2.0

/// Objects in the form that the API writes them.
enum Fixtures {
    static func pod(_ name: String, version: Int = 1, label: String = "a", annotation: String = "") -> String {
        """
        {"metadata":{"name":"\(name)","namespace":"shop","uid":"uid-\(name)","resourceVersion":"\(version)",\
        "labels":{"app":"\(label)"},"annotations":{"note":"\(annotation)"}},"spec":{"nodeName":"node-1",\
        "containers":[{"name":"main","image":"busybox:1.36"}]},"status":{"phase":"Running"}}
        """
    }

    static func list(_ pods: [String], version: Int, next: String? = nil) -> String {
        let next = next.map { ",\"continue\":\"\($0)\",\"remainingItemCount\":1" } ?? ""
        return """
            {"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"\(version)"\(next)},\
            "items":[\(pods.joined(separator: ","))]}
            """
    }

    static func event(_ type: String, _ object: String) -> String { "{\"type\":\"\(type)\",\"object\":\(object)}" }

    static func bookmark(_ version: Int) -> String {
        event("BOOKMARK", "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"\(version)\"}}")
    }

    static func status(_ code: Int, _ reason: String, _ message: String) -> String {
        """
        {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"\(message)",\
        "reason":"\(reason)","code":\(code)}
        """
    }

    /// With every kind of container, command and status.
    static let everything = """
        {
          "kind": "Pod", "apiVersion": "v1",
          "metadata": {
            "name": "web-5d4f8c7b9-x2x4z", "namespace": "shop", "uid": "6f1c", "resourceVersion": "77",
            "creationTimestamp": "2024-02-29T11:59:00Z",
            "labels": {"app": "web", "port": "8080", "pod-template-hash": "5d4f8c7b9"},
            "annotations": {"kubernetes.io/config.hash": "0123abcd", "other": "text"},
            "ownerReferences": [
              {"apiVersion": "v1", "kind": "ConfigMap", "name": "not-in-control", "uid": "1"},
              {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d4f8c7b9", "uid": "2", "controller": true}
            ]
          },
          "spec": {
            "nodeName": "node-1",
            "containers": [{
              "name": "main", "image": "shop/web:1", "ports": [{"containerPort": 8080}],
              "env": [
                {"name": "PORT", "value": "8080"},
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
              ],
              "startupProbe": {"exec": {"command": ["/started", "$(PORT)"]}, "periodSeconds": 1},
              "readinessProbe": {"exec": {"command": ["/ready", "$(SECRET)", "$(NONE)"]}},
              "livenessProbe": {"exec": {"command": ["/live", "$$(PORT)"]}},
              "lifecycle": {
                "postStart": {"exec": {"command": ["/post", "$(PORT)"]}},
                "preStop": {"exec": {"command": ["/pre", "$$(PORT)"]}}
              }
            }, {
              "name": "quiet", "image": "shop/quiet",
              "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
              "readinessProbe": {"exec": {"command": []}},
              "lifecycle": {"preStop": {"sleep": {"seconds": 3}}}
            }],
            "initContainers": [{
              "name": "sidecar", "image": "shop/proxy:2", "restartPolicy": "Always",
              "readinessProbe": {"exec": {"command": ["/proxy", "--ready"]}}
            }],
            "ephemeralContainers": [{"name": "debugger", "image": "busybox", "targetContainerName": "main"}]
          },
          "status": {
            "phase": "Running",
            "containerStatuses": [{
              "name": "main", "ready": true, "image": "registry.example/shop/web:1",
              "imageID": "registry.example/shop/web@sha256:aa", "containerID": "containerd://c0ffee",
              "state": {"running": {"startedAt": "2024-02-29T12:00:00Z"}}
            }, {
              "name": "quiet", "image": "sha256:bb", "imageID": "sha256:bb", "containerID": "cri-o://beef",
              "state": {"terminated": {"exitCode": 0}}
            }],
            "initContainerStatuses": [{
              "name": "sidecar", "image": "shop/proxy:2", "imageID": "", "containerID": "containerd://51dec",
              "state": {"running": {"startedAt": "2024-02-29T11:59:59.5Z"}}
            }],
            "ephemeralContainerStatuses": [{
              "name": "debugger", "image": "busybox", "imageID": "", "containerID": "",
              "state": {"waiting": {"reason": "PodInitializing"}}
            }]
          }
        }
        """
}
