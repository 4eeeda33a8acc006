// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// The capability sets of a process: bit n is the kernel's capability n.
package struct CapabilitySets: Sendable, Equatable {
    package let permitted: UInt64
    package let effective: UInt64
    package let inheritable: UInt64

    package init(permitted: UInt64, effective: UInt64, inheritable: UInt64) {
        self.permitted = permitted
        self.effective = effective
        self.inheritable = inheritable
    }

    init(_ record: rec_creds) {
        let known: UInt64 = 1 << UInt64(Self.names.count) - 1
        self.init(
            permitted: record.cap_permitted & known, effective: record.cap_effective & known,
            inheritable: record.cap_inheritable & known)
    }

    /// The API's names, by number (CapabilitiesType). A newer kernel's capabilities are not told of.
    static let names: [StaticString] = [
        "CAP_CHOWN", "DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]
}

/// The credentials of a process, ids as the host counts them.
struct Credentials: Sendable, Equatable {
    struct IDs: Sendable, Equatable {
        let real: UInt32
        let effective: UInt32
        let saved: UInt32
        let fileSystem: UInt32
    }

    let user: IDs
    let group: IDs
    /// linux/securebits.h
    let securebits: UInt32
    /// The user namespace: how deep it is nested, and who made it.
    let namespaceLevel: UInt32
    let namespaceOwner: Owner
    /// Its inode number; 0 where it is not known.
    let namespace: UInt32

    struct Owner: Sendable, Equatable {
        let user: UInt32
        let group: UInt32
    }

    init(_ record: rec_creds, namespace: UInt32) {
        user = IDs(real: record.uid, effective: record.euid, saved: record.suid, fileSystem: record.fsuid)
        group = IDs(real: record.gid, effective: record.egid, saved: record.sgid, fileSystem: record.fsgid)
        securebits = record.securebits
        namespaceLevel = record.user_ns_level
        namespaceOwner = Owner(user: record.user_ns_owner_uid, group: record.user_ns_owner_gid)
        self.namespace = namespace
    }

    /// The API's names, by bit (SecureBitsType).
    static let securebitNames: [StaticString] = [
        "SecBitNoRoot", "SecBitNoRootLocked", "SecBitNoSetUidFixup", "SecBitNoSetUidFixupLocked", "SecBitKeepCaps",
        "SecBitKeepCapsLocked", "SecBitNoCapAmbientRaise", "SecBitNoCapAmbientRaiseLocked",
    ]
}
