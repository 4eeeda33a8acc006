// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Sensors
import Testing

/// What people read of plans, to the letter.
@Suite struct PlanDescriptionTests {
    private static let files = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicyNamespaced
        metadata: {name: files, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: NotIn, values: [back, test]}]}
          containerSelector: {matchExpressions: [{key: repo, operator: In, values: [docker.io/library/nginx]}]}
          lsmhooks:
          - hook: file_open
            args: [{index: 0, type: file, label: what}]
            selectors:
            - matchBinaries: [{operator: NotIn, values: [/usr/sbin/nginx, /bin/sh], followChildren: false}]
              matchArgs: [{index: 0, operator: Prefix, values: [/etc/, /root/, /home/, /var/lib/]}]
              matchActions: [{action: Override, argError: -1}, {action: Sigkill}]
            - matchNamespaces: [{namespace: Net, operator: NotIn, values: [host_ns]}]
              matchCapabilities: [{type: Permitted, operator: In, values: [CAP_SYS_ADMIN, CAP_BPF]}]
              matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: process, userStackTrace: true, imaHash: true}]
        """

    private static let network = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata: {name: network}
        spec:
          lists: [{name: opens, type: syscalls, values: [sys_openat, abi32/sys_openat]}]
          options: [{name: policy-mode, value: monitor}]
          kprobes:
          - call: tcp_connect
            syscall: false
            args: [{index: 0, type: sock}]
            selectors:
            - matchArgs:
              - {index: 0, operator: NotDAddr, values: [10.0.0.0/8, "fd00::/8"]}
              - {index: 0, operator: NotDPort, values: ["80", "443", "8000:8999"]}
              matchActions: [{action: Sigkill}]
          - call: "list:opens"
            args: [{index: 1, type: string}, {index: 2, type: int}]
            return: true
            returnArg: {index: 0, type: int}
            selectors:
            - matchPIDs: [{operator: NotIn, values: [1], followForks: true, isNamespacePID: true}]
              matchArgs: [{index: 1, operator: Postfix, values: [.key]}, {index: 2, operator: Mask, values: ["0x3"]}]
              matchReturnArgs: [{index: 0, operator: GT, values: ["0"]}]
              matchReturnActions: [{action: Post, kernelStackTrace: true}]
        """

    private static let calls = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata: {name: calls}
        spec:
          lists: [{name: opens, type: syscalls, values: [sys_openat, abi32/sys_openat]}]
          kprobes:
          - call: sys_unlink
            args: [{index: 0, type: string}]
            selectors:
            - matchBinaries: [{operator: In, values: [/usr/bin/rm], followChildren: true}]
              matchArgs: [{index: 0, operator: Prefix, values: [/etc/]}]
              matchActions: [{action: Sigkill}]
          - call: "list:opens"
          tracepoints:
          - subsystem: sched
            event: sched_process_exec
            args: [{index: 4, type: auto}]
          uprobes:
          - {path: /usr/lib/libcrypto.so.3, symbols: [EVP_EncryptInit, EVP_DecryptInit]}
        """

    private func text(_ yaml: String, on kernel: FakeSurvey) throws -> String {
        try Planner.plan(try PolicyReader.policy(of: yaml), on: kernel).description
    }

    @Test("an LSM hook of a namespace's containers")
    func namespaced() throws {
        #expect(
            try text(Self.files, on: .full) == """
                policy shop/files: 1 hook
                  applies to  containers with repo In docker.io/library/nginx of pods with app=web, tier NotIn \
                back|test in the namespace shop, not the host
                hook 1: LSM hook file_open
                  method      LSM: the kernel asks LSM programs
                  values      value 0 file "what", read before selectors are asked
                  selector 1  the binary is not "/bin/sh" or "/usr/sbin/nginx"
                              and value 0 begins with one of 4 beginnings
                              does Override with -1, Sigkill
                  selector 2  the Net namespace is not 4026531840
                              and the permitted set has one of CAP_SYS_ADMIN, CAP_BPF
                              does Post (the same of a process once in 60 s, with the process's stack, with the \
                file's hash)
                  remark      spec.lsmhooks[0].selectors[1].matchActions[0].imaHash: at file_open the kernel cannot \
                read the file yet, so there is no hash unless IMA's own policy has made one before; there is one at \
                bprm_check_security and mmap_file
                  shape       1 value, 2 selectors, 4 filters, 1 set, 1 set of binaries, rows by container

                """)
    }

    @Test("a policy that monitors, with what it asks at return")
    func monitor() throws {
        #expect(
            try text(Self.network, on: .full) == """
                policy network: 2 hooks
                  applies to  everything, the host too
                  mode        monitor: what it forbids is told, not done
                hook 1: function tcp_connect
                  method      kprobe: the kernel has kprobes
                  values      value 0 sock, read before selectors are asked
                  selector 1  the destination address of value 0 is not in 10.0.0.0/8 or fd00::/8
                              and the destination port of value 0 is not in 80 or 443 or 8000 to 8999
                              does Sigkill (kills after the call); told only (monitor)
                  remark      where it happens inside another kprobe or tracepoint program on the same CPU the \
                kernel skips it; that is counted
                  shape       1 value, 1 selector, 2 filters, 2 sets
                hook 2: functions __x64_sys_openat, __ia32_compat_sys_openat
                  method      kprobe: the kernel has kprobes; one link for all (kprobe.multi)
                  values      value 0 string, read before selectors are asked, at most 4096 bytes
                              value 1 int, read when it is posted
                              returned int, read at return
                  selector 1  the process neither is nor descends from one whose pid in its namespace is 1
                              and value 1 has a bit of 0x3
                              and value 0 ends with ".key"
                              does Post
                  at return   the returned value is greater than 0
                              does Post (with the kernel's stack)
                  shape       3 values, 1 selector, 4 filters, 1 set, 1 set of binaries

                """)
    }

    @Test("system calls where there are kprobes")
    func kprobes() throws {
        #expect(
            try text(Self.calls, on: .full) == """
                policy calls: 4 hooks
                  applies to  everything, the host too
                hook 1: function __x64_sys_unlink
                  method      kprobe: the kernel has kprobes
                  values      value 0 string, read before selectors are asked, at most 4096 bytes
                  selector 1  the binary, or that of an ancestor, is "/usr/bin/rm"
                              and value 0 begins with "/etc/"
                              does Sigkill (kills after the call)
                  remark      32-bit programs call it by another number, which is not in the policy: name abi32/… \
                in a list of system calls
                  shape       1 value, 1 selector, 2 filters, 1 set, 1 set of binaries
                hook 2: functions __x64_sys_openat, __ia32_compat_sys_openat
                  method      kprobe: the kernel has kprobes; one link for all (kprobe.multi)
                  each call   does Post
                  shape       0 values, 0 selectors, 0 filters
                hook 3: tracepoint sched/sched_process_exec
                  method      tracepoint: its record has the fields
                  values      value 0 data_loc, read when it is posted, at most 4096 bytes
                  each call   does Post
                  remark      where it happens inside another kprobe or tracepoint program on the same CPU the \
                kernel skips it; that is counted
                  shape       1 value, 0 selectors, 0 filters
                hook 4: functions "EVP_EncryptInit", "EVP_DecryptInit" of "/usr/lib/libcrypto.so.3"
                  method      uprobe: the kernel has uprobes; one link for all (uprobe.multi)
                  each call   does Post
                  shape       0 values, 0 selectors, 0 filters

                """)
    }

    @Test("the same where there are none")
    func bare() throws {
        #expect(
            try text(Self.calls, on: .bare) == """
                policy calls: 4 hooks
                  applies to  everything, the host too
                hook 1: system call unlink (87)
                  method      raw syscall tracepoints: the kernel has no kprobes (no kprobe)
                  values      value 0 string, read before selectors are asked, at most 4096 bytes
                  selector 1  the binary, or that of an ancestor, is "/usr/bin/rm"
                              and value 0 begins with "/etc/"
                              does Sigkill (kills after the call)
                  remark      32-bit programs call it by another number, which is not in the policy: name abi32/… \
                in a list of system calls
                  shape       1 value, 1 selector, 2 filters, 1 set, 1 set of binaries
                hook 2: system calls openat (257), abi32/openat (295)
                  method      raw syscall tracepoints: the kernel has no kprobes (no kprobe)
                  each call   does Post
                  shape       0 values, 0 selectors, 0 filters
                hook 3: tracepoint sched/sched_process_exec
                  method      tracepoint: its record has the fields
                  values      value 0 data_loc, read when it is posted, at most 4096 bytes
                  each call   does Post
                  remark      where it happens inside another kprobe or tracepoint program on the same CPU the \
                kernel skips it; that is counted
                  shape       1 value, 0 selectors, 0 filters
                hook 4: functions "EVP_EncryptInit", "EVP_DecryptInit" of "/usr/lib/libcrypto.so.3"
                  method      uprobe: the kernel has uprobes; one after another
                  each call   does Post
                  shape       0 values, 0 selectors, 0 filters

                """)
    }

    @Test("a probe, with what its file says of it")
    func userProbe() throws {
        let yaml = """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata: {name: probes}
            spec:
              usdts:
              - path: /bin/a
                provider: p
                name: probe
                args: [{index: 2, type: string}]
                selectors: [{matchActions: [{action: Sigkill}]}]
            """
        #expect(
            try text(yaml, on: .full) == """
                policy probes: 1 hook
                  applies to  everything, the host too
                hook 1: probe "probe" of "p" in "/bin/a"
                  method      uprobe: the kernel has uprobes; one link for all (uprobe.multi)
                  locations   0x1139, passes -4@%edi, 8@%rsi, 8@-24(%rbp), 8f@%xmm0
                              0x1200 if its semaphore 0x4010 is raised, passes -4@$17, 8@(%rax,%rcx,4), 8@%rdx, 8f@%xmm1
                  values      value 0 string, read when it is posted, at most 4096 bytes
                  selector 1  always
                              does Sigkill
                  shape       1 value, 1 selector, 0 filters

                """)
    }
}
