// SPDX-License-Identifier: Apache-2.0

extension AgentOptions {
    /// Every option with the value in effect, under its flag's name, for those who ask the running agent. An option
    /// that was not given and has no default has an empty value.
    package var list: [(flag: String, value: String)] { CodingKeys.allCases.map { ($0.flagName, value(of: $0)) } }

    private func value(of key: CodingKeys) -> String {
        switch key {
        case .serverAddress: "\(serverAddress)"
        case .serverTlsCertFile: serverTlsCertFile ?? ""
        case .serverTlsKeyFile: serverTlsKeyFile ?? ""
        case .serverTlsClientCaFiles: serverTlsClientCaFiles.map { "\($0)" } ?? ""
        case .serverGroup: serverGroup ?? ""
        case .healthServerAddress: healthServerAddress.map { "\($0)" } ?? ""
        case .hookAddress: "\(hookAddress)"
        case .stateDir: stateDir
        case .spoolDir: spoolDir
        case .bpfDir: bpfDir
        case .keepSensorsOnExit: "\(keepSensorsOnExit)"
        case .releasePinnedBpf: "\(releasePinnedBpf)"
        case .exportFilename: exportFilename ?? ""
        case .exportFilePerm: "\(exportFilePerm)"
        case .exportFileMaxSizeMb: "\(exportFileMaxSizeMb)"
        case .exportFileRotationInterval: "\(exportFileRotationInterval)"
        case .exportFileMaxBackups: "\(exportFileMaxBackups)"
        case .exportFileCompress: "\(exportFileCompress)"
        case .exportRateLimit: "\(exportRateLimit)"
        case .exportAllowlist: exportAllowlist
        case .exportDenylist: exportDenylist
        case .fieldFilters: fieldFilters
        case .redactionFilters: redactionFilters
        case .enableProcessCred: "\(enableProcessCred)"
        case .enableProcessNs: "\(enableProcessNs)"
        case .enableProcessEnvironmentVariables: "\(enableProcessEnvironmentVariables)"
        case .usernameMetadata: usernameMetadata.rawValue
        case .enableAncestors: "\(enableAncestors)"
        case .exposeStackAddresses: "\(exposeStackAddresses)"
        case .cgroupRate: cgroupRate.map { "\($0)" } ?? ""
        case .nodeName: nodeName
        case .clusterName: clusterName
        case .procfs: procfs
        case .cgroupRoot: cgroupRoot ?? ""
        case .runtimeNames: "\(runtimeNames)"
        case .criEndpoint: criEndpoint ?? ""
        case .podManifests: podManifests ?? ""
        case .enableK8sApi: "\(enableK8sApi)"
        case .k8sKubeconfigPath: k8sKubeconfigPath ?? ""
        case .tracingPolicy: tracingPolicy ?? ""
        case .tracingPolicyDir: tracingPolicyDir
        case .policyOutreachAllow: "\(policyOutreachAllow)"
        case .rbSize: "\(rbSize)"
        case .eventQueueSize: "\(eventQueueSize)"
        case .processCacheSize: "\(processCacheSize)"
        case .metricsServer: metricsServer.map { "\($0)" } ?? ""
        case .logLevel: "\(logLevel)"
        case .logFormat: logFormat.rawValue
        case .configDir: configDir
        }
    }
}
