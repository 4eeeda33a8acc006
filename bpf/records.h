/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What crosses from the kernel to the agent. The BPF programs fill these structs, Swift imports
 * this very file as the module CRecords: no struct is declared twice.
 *
 * Every record starts with rec_head. Fixed parts are naturally aligned and have no hidden padding;
 * variable data is a tail behind the fixed part, its parts in the order of the *_len fields,
 * without padding between them. Times are nanoseconds of CLOCK_BOOTTIME. Pids are the host's unless
 * the name says ns_.
 */
/* clang-format off */
#ifndef APUS_RECORDS_H
#define APUS_RECORDS_H

#ifdef __bpf__
typedef unsigned char rec_u8;
typedef unsigned short rec_u16;
typedef unsigned int rec_u32;
typedef int rec_i32;
typedef unsigned long long rec_u64;
#else
#include <stdint.h>
typedef uint8_t rec_u8;
typedef uint16_t rec_u16;
typedef uint32_t rec_u32;
typedef int32_t rec_i32;
typedef uint64_t rec_u64;
#endif

#define REC_ALIGNED(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), #type " has the size that both sides expect")

enum rec_type {
	REC_EXEC = 1,	/* rec_exec: a new image has replaced the old one */
	REC_ARGS = 2,	/* rec_args: strings that did not fit into rec_exec; they follow it */
	REC_FORK = 3,	/* rec_fork: a new process (not a thread), before it first runs */
	REC_EXIT = 4,	/* rec_exit: a process's last thread leaves; can arrive more than once */
	REC_CGROUP = 5,	/* rec_cgroup: a directory came, went, or took a process in */
	REC_TASK = 6,	/* rec_exec, of a process that was there before the agent */
	REC_POLICY = 7,	/* rec_policy: a hook of a policy was hit */
	REC_POLICY_DATA = 8,	/* rec_policy_data: more of a value of the rec_policy before */
};

enum rec_limit {
	REC_FILENAME_MAX = 4096,	/* PATH_MAX, NUL included */
	REC_PATH_MAX = 4096,		/* a walked path; more: REC_FLAG_CWD_TRUNCATED */
	REC_ARGS_INLINE = 8192,		/* bytes of arguments and environment inside rec_exec */
	REC_ARGS_CHUNK = 32768,		/* the same in each rec_args */
	REC_ARGS_MAX = 262144,		/* the same in all; more: REC_FLAG_ARGS_TRUNCATED, ENV_ */
	REC_CGROUP_NAME_MAX = 256,
};

/* rec_exec.flags, rec_fork.flags, rec_exit.flags */
enum rec_flag {
	REC_FLAG_IN_TREE = 1 << 0,		/* belongs to its container's own tree */
	REC_FLAG_TREE_ROOT = 1 << 1,		/* this exec is the first image of that tree */
	REC_FLAG_AFTER_FORK = 1 << 2,		/* exec: the first image since the fork */
	REC_FLAG_ARGS_TRUNCATED = 1 << 3,
	REC_FLAG_ARGS_UNREADABLE = 1 << 4,	/* argument memory could not be read */
	REC_FLAG_FILENAME_ERROR = 1 << 5,
	REC_FLAG_CWD_TRUNCATED = 1 << 6,
	REC_FLAG_CWD_ERROR = 1 << 7,
	REC_FLAG_CWD_IS_ROOT = 1 << 8,
	REC_FLAG_SETUID = 1 << 9,		/* the file's set-user-id bit changed the euid */
	REC_FLAG_SETGID = 1 << 10,
	REC_FLAG_FILE_CAPS = 1 << 11,		/* the file's raised the permitted set */
	REC_FLAG_STORAGE_FAILED = 1 << 12,	/* IN_TREE may be missing in what descends */
	REC_FLAG_PRIVILEGED_ID = 1 << 13,	/* SETUID or SETGID went to root */
	REC_FLAG_KERNEL_THREAD = 1 << 14,	/* REC_TASK only */
	REC_FLAG_NO_EXEC = 1 << 15,		/* REC_TASK only: no exec since its fork */
	REC_FLAG_ENV_TRUNCATED = 1 << 16,
	REC_FLAG_ENV_UNREADABLE = 1 << 17,	/* environment memory could not be read */
	REC_FLAG_THROTTLED = 1 << 18,		/* above the cgroup's rate: no event, no continuation */
};

struct rec_head {
	rec_u32 size;	/* bytes, head and tail included */
	rec_u16 type;	/* enum rec_type */
	rec_u16 cpu;
	rec_u64 seq;	/* counts this CPU's attempts, from 1; a gap is a lost record */
	rec_u64 time;
};
REC_ALIGNED(rec_head, 24);

/*
 * Names an image for as long as the machine runs. start is the leader's start_boottime, which
 * survives exec; exec_count is self_exec_id, which exec increments.
 */
struct rec_image {
	rec_u64 start;
	rec_u32 tgid;
	rec_u32 exec_count;
};
REC_ALIGNED(rec_image, 16);

struct rec_creds {
	rec_u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid;
	rec_u64 cap_permitted, cap_effective, cap_inheritable, cap_ambient;
	rec_u32 securebits;
	rec_u32 user_ns_level;
	rec_u32 user_ns_owner_uid, user_ns_owner_gid;
};
REC_ALIGNED(rec_creds, 80);

/* Inode numbers on nsfs. */
struct rec_namespaces {
	rec_u32 uts, ipc, mnt, pid, pid_for_children, net, time, time_for_children, cgroup, user;
};
REC_ALIGNED(rec_namespaces, 40);

/* The executable. nlink is 0 for an unlinked file or a memfd. */
struct rec_file {
	rec_u64 inode;
	rec_u32 nlink;
	rec_u32 mode;
};
REC_ALIGNED(rec_file, 16);

/*
 * REC_EXEC and REC_TASK. Tail: filename (as given to execve, no NUL; empty in REC_TASK), cwd and
 * exe (components from leaf to root, each ended by NUL; "/" is empty), args (argv[0] first, each
 * ended by NUL). exe is walked in REC_TASK and, in REC_EXEC, where the file is unlinked or was
 * given by descriptor. Where rec_config.environment is set, the environment follows the last
 * argument in args, as it does in the new image's memory, each variable ended by NUL too.
 */
struct rec_exec {
	struct rec_head head;
	struct rec_image image;
	struct rec_image parent;	/* the image of the real parent as it is now */
	rec_u64 cgroup_id;
	rec_u64 tty;			/* controlling terminal: major << 20 | minor, 0 for none */
	rec_u32 tid;			/* the thread that called execve */
	rec_u32 ns_pid;			/* tgid in the innermost pid namespace */
	rec_u32 ns_level;		/* depth of that namespace, 0 for the host's */
	rec_u32 session;
	rec_u32 login_uid;		/* 4294967295 when unset */
	rec_u32 flags;			/* enum rec_flag */
	struct rec_creds creds;
	struct rec_namespaces ns;
	struct rec_file file;
	rec_u32 old_euid, old_egid;	/* before the exec */
	rec_u32 args_total;		/* bytes of arguments in memory, however many are sent */
	rec_u32 argc;
	rec_u32 env_total;		/* bytes of environment in memory; 0 where it is not read */
	rec_u32 pad;
	rec_u16 filename_len;
	rec_u16 cwd_len;
	rec_u16 exe_len;
	rec_u16 args_len;		/* bytes in this record */
};
REC_ALIGNED(rec_exec, 264);

/*
 * Follows its rec_exec, from the same CPU with nothing of that CPU's between them, in order of
 * offset. Tail: the bytes, then filler up to REC_ARGS_CHUNK. The last one reaches the lesser of
 * args_total + env_total and REC_ARGS_MAX. Where the rest found no room or could not be read, one without a
 * tail (args_len 0) says so, if that found room.
 */
struct rec_args {
	struct rec_head head;
	struct rec_image image;
	rec_u32 offset;		/* of the first byte from the first argument on */
	rec_u32 args_len;
};
REC_ALIGNED(rec_args, 48);

struct rec_fork {
	struct rec_head head;
	struct rec_image child;
	struct rec_image parent;	/* the forking process, whoever wait()s for the child */
	rec_u64 cgroup_id;
	rec_u32 ns_pid;
	rec_u32 ns_level;
	rec_u32 flags;
	rec_u32 parent_tid;		/* the forking thread */
};
REC_ALIGNED(rec_fork, 80);

struct rec_exit {
	struct rec_head head;
	struct rec_image image;
	rec_u64 cgroup_id;
	rec_i32 code;		/* as wait() reports it: exit status << 8 | core << 7 | signal */
	rec_u32 flags;
};
REC_ALIGNED(rec_exit, 56);

enum rec_cgroup_what { REC_CGROUP_CREATED = 1, REC_CGROUP_REMOVED = 2, REC_CGROUP_ATTACHED = 3 };

/* Tail: the directory's own name, without NUL. */
struct rec_cgroup {
	struct rec_head head;
	rec_u64 id;
	rec_u64 parent_id;	/* 0 at the root */
	struct rec_image image;	/* who was moved (REC_CGROUP_ATTACHED), or made it (REC_CGROUP_CREATED) */
	rec_u32 what;		/* enum rec_cgroup_what */
	rec_u32 level;
	rec_u32 name_len;
	rec_u32 pad;
};
REC_ALIGNED(rec_cgroup, 72);

/* Why a record was not made or not whole: indexes of the counters in rec_stats. */
enum rec_counter {
	REC_COUNT_RING_FULL = 0,	/* a record found no room in the ring */
	REC_COUNT_ARGS_RING_FULL,	/* a continuation found no room; the exec stays */
	REC_COUNT_STORAGE_FAILED,
	REC_COUNT_ARGS_UNREADABLE,
	REC_COUNT_SIZE,
};

/*
 * One a CPU. seq is the number that the CPU's last attempt took. sent counts what reached the ring;
 * its increment is also the full barrier between a record and the look at the reader's sleep flag.
 */
struct rec_stats {
	rec_u64 seq;
	rec_u64 sent;
	rec_u64 counters[4];	/* by enum rec_counter */
	rec_u64 pad[2];
};
REC_ALIGNED(rec_stats, 64);

/* Set before load, frozen: the verifier prunes by it. */
struct rec_config {
	rec_i32 cgroup_v1_subsystem;	/* index of the controller that names containers; -1: v2 */
	rec_u32 cgroup_hierarchy;	/* that hierarchy's id (/proc/cgroups; 0 is cgroup2) */
	rec_u32 exit_has_group_dead;	/* sched_process_exit carries group_dead (kernel 6.16) */
	rec_u32 environment;		/* execs bring their environment */
	rec_u64 rate_limit;		/* of a cgroup on one CPU, in an interval; 0: none */
	rec_u64 rate_interval;		/* ns */
};
REC_ALIGNED(rec_config, 32);

/* An armed init: its next exec in this cgroup begins the container's tree. Key: tgid. */
struct rec_armed {
	rec_u64 cgroup_id;
};
REC_ALIGNED(rec_armed, 8);

#endif
