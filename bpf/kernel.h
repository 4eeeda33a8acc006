/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The kernel types that we read, and of each only the fields that we read. Every access is
 * relocated (CO-RE) against the BTF of the running kernel, so order, size and neighbours are of no
 * account here, only names are. Fields that some supported kernel lacks are looked for with
 * bpf_core_field_exists() before they are read.
 */
/* clang-format off */
#ifndef APUS_KERNEL_H
#define APUS_KERNEL_H

#include <asm/ptrace.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;

/*
 * Two words until 6.3, one since: read as eight bytes, which are the same eight on little-endian
 * machines.
 */
typedef struct { u64 val; } kernel_cap_t;

struct ns_common { unsigned int inum; };
struct uts_namespace { struct ns_common ns; };
struct ipc_namespace { struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct pid_namespace { struct ns_common ns; };
struct net { struct ns_common ns; };
struct time_namespace { struct ns_common ns; };
struct cgroup_namespace { struct ns_common ns; };

struct uid_gid_extent { u32 first, lower_first, count; };
struct uid_gid_map { u32 nr_extents; struct uid_gid_extent extent[5]; };
struct user_namespace {
	struct uid_gid_map uid_map;
	int level;
	kuid_t owner;
	kgid_t group;
	struct ns_common ns;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct time_namespace *time_ns_for_children;
	struct cgroup_namespace *cgroup_ns;
};

struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	unsigned int securebits;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_ambient;
	struct user_namespace *user_ns;
};

struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; };
enum apus_pid_type { APUS_PIDTYPE_SID = 3 };

struct inode { unsigned short i_mode; unsigned int i_nlink; unsigned long i_ino; };
struct qstr { u32 hash, len; const unsigned char *name; };
struct dentry { struct dentry *d_parent; struct qstr d_name; };
struct vfsmount { struct dentry *mnt_root; };
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file { struct path f_path; struct inode *f_inode; };
struct fs_struct { struct path root, pwd; };

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct tty_driver { int major, minor_start; };
struct tty_struct { struct tty_driver *driver; int index; };

typedef struct { int counter; } atomic_t;
struct signal_struct {
	atomic_t live;
	unsigned int flags;
	int group_exit_code;
	struct tty_struct *tty;
	struct pid *pids[4];
};

struct kernfs_node { u64 id; const char *name; };
struct cgroup_root { int hierarchy_id; };
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; };
struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };

struct task_struct {
	unsigned int flags;
	int exit_code;
	int pid, tgid;
	u64 start_boottime;
	u64 self_exec_id, parent_exec_id;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	const struct cred *real_cred;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct mm_struct *mm;
	kuid_t loginuid;
	struct bpf_local_storage *bpf_storage;
};

struct linux_binprm {
	struct file *file;
	struct cred *cred;
	int argc;
	const char *filename;
	const char *fdpath;
};

#pragma clang attribute pop

/* An iterator's context begins like this on every kernel that has one. */
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

/* From the kernel's own headers; none of them has ever changed. */
#define PF_FORKNOEXEC 0x00000040
#define PF_KTHREAD 0x00200000
#define SIGNAL_GROUP_EXIT 0x00000004

#endif
