/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a policy is in the kernel. A program belongs to a hook and a *shape*: which values it reads,
 * which kinds of filters and actions it has, in which slots. The shape is frozen before the program
 * is loaded, and the verifier cuts away whatever it does not use. What differs between policies of
 * one shape is in rows: numbers, and numbers of sets. A hit looks for the rows that apply to its
 * container, in the order of the list, and for each row for the first selector that matches.
 */
/* clang-format off */
#ifndef APUS_POLICY_H
#define APUS_POLICY_H

#include "records.h"

enum pol_limit {
	POL_VALUES_MAX = 6,		/* five arguments, and what the hook returns */
	POL_RETURN = 5,			/* that one's index */
	POL_RAW_RETURN = 6,		/* six of what a hook passes, then what it returns */
	POL_RAW_MAX = 7,
	POL_SELECTORS_MAX = 5,
	POL_FILTERS_MAX = 12,		/* in a selector */
	POL_ACTIONS_MAX = 3,
	POL_STRING_MAX = 4096,		/* bytes of one string, path or buffer in a record, without a NUL */
	POL_TAIL_MAX = 20992,		/* bytes of all values of a record: five of the longest, and a number */
	POL_STACK_MAX = 32,		/* frames */
	POL_BINARY_SETS_MAX = 512,	/* different matchBinaries and followForks, of all policies */
	POL_LENGTHS_MAX = 32,		/* different lengths of the prefixes, or postfixes, of one set */
	POL_BINARY_SHORT_MAX = 124,	/* bytes of a binary's path in the map of the many */
	POL_BINARY_PATH_MAX = 4092,
	POL_BINARY_AFFIX_MAX = 256,	/* bytes of a prefix or postfix of binaries */
	POL_SAID_MAX = 40,		/* bytes of each value that a rate limit compares */
	POL_HASH_MAX = 64,
	POL_TRANSITIONS = 32,		/* in one part of a state of pol_automata */
	POL_STEPS_MAX = 8,		/* from what a hook passes to the field that is asked for */
	POL_DATA_MAX = 327360,		/* bytes of a buffer that goes on in records of its own */
	POL_DATA_CHUNK = 16384,		/* bytes in each of those */
	POL_PLACES_MAX = 32,		/* places that share a program */
};

/* Beside a system call's number: the caller's ABI has 32 bits, and these are its numbers. */
#define POL_SYSCALL_32 (1U << 31)

/* How a value is read, and what comes of it in a record. */
enum pol_type {
	POL_NONE = 0,
	/* Numbers: pol_value.bytes is a rec_u64, with sign where the type has one. */
	POL_I8, POL_U8, POL_I16, POL_U16, POL_I32, POL_U32, POL_I64, POL_U64,
	POL_SYSCALL,		/* number, POL_SYSCALL_32 beside it where the caller's ABI has 32 bits */
	POL_NOP,		/* nothing at all */
	/* Bytes. */
	POL_STRING,		/* NUL-terminated, in either address space */
	POL_FILENAME,		/* struct filename */
	POL_BUFFER,		/* as many bytes as another value says */
	POL_IOVEC,		/* struct iovec[], as many as another value says */
	POL_ITERATOR,		/* struct iov_iter */
	POL_DATA_LOC,		/* a tracepoint's: offset and length in its own record */
	POL_NET_DEVICE,		/* its name */
	/* Paths, from the caller's root: pol_path, then bytes. */
	POL_PATH, POL_FILE, POL_DENTRY, POL_FD, POL_KIOCB, POL_BINPRM,
	/* Structures: a pol_… of their own. */
	POL_SOCK, POL_SOCKET, POL_SKB, POL_SOCKADDR, POL_CRED, POL_USER_NAMESPACE, POL_CAPABILITIES,
	POL_BPF_ATTR, POL_BPF_MAP, POL_BPF_PROG, POL_PERF_EVENT, POL_MODULE, POL_LOAD_INFO,
};

enum pol_value_flag {
	POL_TRUNCATED = 1 << 0,
	POL_UNREADABLE = 1 << 1,	/* no more than what is there could be read */
	POL_NO_ROOM = 1 << 2,		/* values before it took all of POL_TAIL_MAX */
	POL_CONTINUED = 1 << 3,		/* the rest is in records of REC_POLICY_DATA */
};

/* Which value is read from where. */
struct pol_argument {
	rec_u8 type;		/* enum pol_type */
	rec_u8 raw;		/* index of the hook's value */
	rec_u8 size_raw;	/* POL_BUFFER, POL_IOVEC: 1 + index of the value that counts */
	rec_u8 flags;		/* enum pol_argument_flag */
	rec_u16 offset;		/* a tracepoint's: where in its record */
	rec_u16 max;		/* bytes at most */
};
REC_ALIGNED(pol_argument, 8);

enum pol_argument_flag {
	POL_FILTERED = 1 << 0,	/* a selector looks into it: read before selectors are */
	POL_AT_RETURN = 1 << 1,	/* read when the function returns; bytes: no more than it says */
	POL_USER = 1 << 2,	/* an address that a program gave: never looked up in the kernel's memory */
	POL_MORE = 1 << 3,	/* POL_BUFFER, POL_IOVEC, POL_ITERATOR: up to POL_DATA_MAX bytes */
	POL_COUNT_32 = 1 << 4,	/* what counts is an int: negative is none */
	POL_IN_PLACE = 1 << 5,	/* a tracepoint's: the bytes themselves are in its record, `max` of them */
};

/* A step: what is at an offset of where the one before led to. */
struct pol_step {
	rec_u32 offset;
	rec_u8 bytes;	/* how many are read: an address to go on from, or the number; 0: none, it is the address */
	rec_u8 bit;	/* of a field of bits: where it begins, */
	rec_u8 bits;	/* and how many; 0: all */
	rec_u8 pad;
};
REC_ALIGNED(pol_step, 8);

/* From what the hook passes, by fields of structures, to the value of which the argument has the type. */
struct pol_resolution {
	rec_u32 count;	/* 0: it is the value */
	rec_u32 pad;
	struct pol_step steps[POL_STEPS_MAX];
};
REC_ALIGNED(pol_resolution, 72);

/* What a filter looks at. */
enum pol_what {
	POL_ANYTHING = 0,	/* an unused slot */
	POL_NUMBER,		/* the value `index` */
	POL_BYTES,		/* the value `index`, bytes or a path */
	POL_ADDRESS_FROM, POL_ADDRESS_TO, POL_PORT_FROM, POL_PORT_TO,	/* of the socket `index` */
	POL_PROTOCOL, POL_FAMILY, POL_STATE,
	POL_PROCESS,		/* pid; index: 0 the host's, 1 its namespace's */
	POL_BINARY,		/* operand: the number of a binary set; index: enum pol_whose_binary */
	POL_NAMESPACE,		/* index: enum pol_namespace */
	POL_NAMESPACE_CHANGE,	/* operand: mask of 1 << enum pol_namespace; negated: another one changed */
	POL_CAPABILITY,		/* index: enum pol_capabilities; operand: mask */
	POL_CAPABILITY_CHANGE,	/* likewise: bits that came or went */
};

enum pol_whose_binary { POL_OWN_BINARY, POL_OWN_OR_ANCESTORS_BINARY, POL_PARENTS_BINARY };

enum pol_op {
	POL_EQUAL = 0,		/* the operand */
	POL_IN,			/* the set that the operand names */
	POL_LESS, POL_GREATER,	/* by the type's sign */
	POL_MASK,		/* any bit of it */
	POL_RANGE,		/* a to b, both included */
	POL_PREFIX, POL_POSTFIX,/* of the set */
	POL_CONTAINS,		/* one of the set's texts */
	POL_CONTAINS_ANY_CASE,	/* the same; the set says what case is */
	POL_IN_RANGES,		/* numbers: a range of the set */
	POL_NEGATED = 0x80,
};

enum pol_namespace {
	POL_NS_UTS, POL_NS_IPC, POL_NS_MNT, POL_NS_PID, POL_NS_PID_FOR_CHILDREN, POL_NS_NET,
	POL_NS_TIME, POL_NS_TIME_FOR_CHILDREN, POL_NS_CGROUP, POL_NS_USER,
};

enum pol_capabilities {
	POL_CAPS_EFFECTIVE, POL_CAPS_PERMITTED, POL_CAPS_INHERITABLE,
	POL_CAPS_IN_OWN_NS = 0x80,	/* only in another user namespace than the host's */
};

/* The numbers are those of the API's KprobeAction. */
enum pol_action {
	POL_DO_NOTHING = 0,
	POL_DO_POST = 1,
	POL_DO_FOLLOW_FD = 2,	/* said only, as the next two: descriptors are looked up in the kernel's own table */
	POL_DO_SIGKILL = 3,
	POL_DO_UNFOLLOW_FD = 4,
	POL_DO_OVERRIDE = 5,
	POL_DO_COPY_FD = 6,
	POL_DO_GET_URL = 7,
	POL_DO_DNS_LOOKUP = 8,
	POL_DO_NO_POST = 9,
	POL_DO_SIGNAL = 10,
	POL_DO_TRACK_SOCK = 11,
	POL_DO_UNTRACK_SOCK = 12,
	POL_DO_NOTIFY_ENFORCER = 13,
	POL_DO_CLEANUP_ENFORCER = 14,
};

enum pol_post_flag {
	POL_KERNEL_STACK = 1 << 0,
	POL_USER_STACK = 1 << 1,
	POL_IMA_HASH = 1 << 2,
	POL_RATE_LIMITED = 1 << 3,
};

struct pol_filter {
	rec_u8 what;	/* enum pol_what */
	rec_u8 index;
	rec_u8 op;	/* enum pol_op, perhaps POL_NEGATED */
	rec_u8 pad;
};
REC_ALIGNED(pol_filter, 4);

struct pol_selector {
	struct pol_filter filters[POL_FILTERS_MAX];	/* none behind the first POL_ANYTHING */
	rec_u8 actions[POL_ACTIONS_MAX];
	rec_u8 post;	/* enum pol_post_flag */
};
REC_ALIGNED(pol_selector, 52);

/* Sets of bytes are apart by the length that their keys have room for. */
enum pol_bucket { POL_BYTES_24 = 1, POL_BYTES_120 = 2, POL_BYTES_504 = 4, POL_BYTES_4088 = 8 };

/* Set before load, frozen. */
struct pol_shape {
	rec_u32 rows;		/* room for them */
	rec_u8 raw_count;	/* values that the hook passes and somebody asks for */
	rec_u8 selectors;	/* 0: every hit is posted */
	rec_u8 is_scoped;	/* rows apply by container: by list, not all */
	rec_u8 is_syscall;	/* the values are the caller's registers, by its ABI */
	rec_u8 has_return;	/* a hit ends when the function returns */
	rec_u8 buckets;		/* enum pol_bucket: the sizes of bytes that sets have */
	rec_u8 has_functions;	/* several share the program: each is attached with its index */
	rec_u8 needs_binary;	/* no selector matches a task that is in no binary set */
	rec_u8 has_more;	/* an argument is POL_MORE */
	rec_u8 tracks_sockets;	/* some policy does: hits of a tracked socket are its owner's */
	rec_u8 hash_raw;	/* POL_IMA_HASH: 1 + index of the hook's value that is the file */
	rec_u8 hash_is_binprm;	/* that is a linux_binprm rather than a file */
	struct pol_argument arguments[POL_VALUES_MAX];
	struct pol_selector at_entry[POL_SELECTORS_MAX];
	struct pol_selector at_return;
	struct pol_resolution resolutions[POL_VALUES_MAX];
	rec_u8 has_kernel_paths;	/* the kernel says paths itself */
	/* Bits of arguments: which are read before selectors are judged, before a post, and at a call's end. */
	rec_u8 read_first, read_late, read_last;
	rec_u32 place;		/* a number for what it is attached to, and by what */
	rec_u32 program;	/* and one for itself */
	rec_u8 raws;		/* bits of the hook's values: which of them arguments are, or are counted by */
	rec_u8 looks_at_changes;/* some filter does */
	rec_u8 has_sources;	/* a probe of a program's own: where its values are depends on the location */
	rec_u8 pad;
	/*
	 * Not 0: hooks at several places share the program, which is attached to each by its index. A
	 * place has so many rows, those of one behind those of the other.
	 */
	rec_u32 place_rows;
	rec_u32 places[POL_PLACES_MAX];	/* what `place` is of one */
};

/* Where a probe that a program brings has a value: what the note of the location says of an argument. */
struct pol_source {
	rec_u64 number;		/* the constant itself, or what is added to an address */
	rec_u16 base, index;	/* registers, by their offset in struct pt_regs; POL_NO_REGISTER: 0 */
	rec_u8 kind;		/* enum pol_source_kind */
	rec_u8 scale;		/* of the index: so many bits to the left */
	rec_u8 bytes;		/* 1, 2, 4, 8 */
	rec_u8 is_signed;
};
REC_ALIGNED(pol_source, 16);
#define POL_NO_REGISTER 0xffff

enum pol_source_kind { POL_IS_CONSTANT, POL_IN_REGISTER, POL_IN_MEMORY };

/* By the slots of pol_shape.arguments. Which one it is comes with the hit: each is attached with its index. */
struct pol_location { struct pol_source sources[POL_VALUES_MAX]; };

struct pol_operand {
	rec_u64 a;	/* a number, or the number of a set */
	rec_u64 b;	/* POL_RANGE: its end; POL_IN of bytes: bits of the lengths that the set has, modulo 64; 0: unknown */
};
REC_ALIGNED(pol_operand, 16);

struct pol_action_values {
	rec_i32 error;		/* POL_DO_OVERRIDE, POL_DO_NOTIFY_ENFORCER: what is returned, negative; 0: nothing */
	rec_u32 signal;		/* POL_DO_SIGNAL, POL_DO_NOTIFY_ENFORCER; 0: none */
	rec_u32 limit_scope;	/* enum pol_scope */
	rec_u32 argument;	/* POL_DO_TRACK_SOCK, POL_DO_UNTRACK_SOCK: the value that is a socket; POL_RETURN */
	rec_u64 limit_ns;	/* between two posts that say the same */
	rec_u32 enforcer;	/* POL_DO_NOTIFY_ENFORCER, POL_DO_CLEANUP_ENFORCER: whose number is that */
	rec_u32 pad;
};
REC_ALIGNED(pol_action_values, 32);

enum pol_scope { POL_PER_THREAD, POL_PER_PROCESS, POL_GLOBAL };

/* Which rows hold. While a change is under way calls that begin go by `next`; else that is 0. */
struct pol_generations { rec_u32 current, next; };
REC_ALIGNED(pol_generations, 8);
struct pol_view_key { rec_u64 thread; rec_u32 place; rec_u32 pad; };
REC_ALIGNED(pol_view_key, 16);
#define POL_FIRST_OF_PLACE ((rec_u64)-1)	/* in place of a thread */

/* One hook of one policy. It holds while from <= generation < until. */
struct pol_row {
	rec_u32 id;	/* names policy and hook to whoever reads the records */
	rec_u32 from, until;
	rec_u32 is_monitored;	/* its actions are said, not done */
	struct pol_operand operands[POL_SELECTORS_MAX][POL_FILTERS_MAX];
	struct pol_operand return_operands[POL_FILTERS_MAX];
	struct pol_action_values actions[POL_SELECTORS_MAX];
	struct pol_action_values return_actions;
};

/* Keys of sets. Bytes behind the length are 0. */
struct pol_number_key { rec_u32 set, pad; rec_u64 number; };
REC_ALIGNED(pol_number_key, 16);
#define POL_BYTES_KEY(size) struct pol_bytes_key_##size { rec_u32 set; rec_u32 length; rec_u8 bytes[size]; }
POL_BYTES_KEY(24);
POL_BYTES_KEY(120);
POL_BYTES_KEY(504);
POL_BYTES_KEY(4088);
/* Of the prefixes, or postfixes, that a set has. */
struct pol_lengths { rec_u32 count; rec_u32 lengths[POL_LENGTHS_MAX]; };
/* IPv4 as IPv6 (::ffff:a.b.c.d); prefix counts the set's 32 bits too. */
struct pol_address_key { rec_u32 prefix; rec_u32 set; rec_u8 address[16]; };
REC_ALIGNED(pol_address_key, 24);

/* The number is big-endian, as an unsigned one; prefix counts the set's 32 bits too. */
struct pol_range_key { rec_u32 prefix; rec_u32 set; rec_u8 number[8]; };
REC_ALIGNED(pol_range_key, 16);

/*
 * The texts that one of a set's is looked for in: an automaton, whose states are rows of pol_transitions. Bytes that
 * no text tells apart are of one class, and each state has `width` rows of POL_TRANSITIONS classes.
 */
struct pol_automaton {
	rec_u32 first;	/* row of state 0, where a search begins */
	rec_u32 width;
	rec_u8 classes[256];
};
struct pol_transitions { rec_u16 next[POL_TRANSITIONS]; };	/* POL_FOUND: a text ends here */
REC_ALIGNED(pol_transitions, 64);
#define POL_FOUND 0xffff

/* Binary sets, as bits. */
struct pol_bits { rec_u64 words[POL_BINARY_SETS_MAX / 64]; };
/* Bytes behind the length are 0. */
struct pol_binary_key { rec_u32 length; rec_u8 bytes[POL_BINARY_SHORT_MAX]; };
REC_ALIGNED(pol_binary_key, 128);
struct pol_long_binary_key { rec_u32 length; rec_u8 bytes[POL_BINARY_PATH_MAX]; };
REC_ALIGNED(pol_long_binary_key, 4096);
/* Prefixes from the first byte on, postfixes from the last one. A longer one has the bits of the shorter ones too. */
struct pol_affix_key { rec_u32 prefix; rec_u8 bytes[POL_BINARY_AFFIX_MAX]; };
REC_ALIGNED(pol_affix_key, 260);

/* What a task has of its image and its ancestors: bits of binary sets. Where there is none there is no storage. */
struct pol_binaries {
	struct pol_bits own;
	struct pol_bits inherited;
};

/* Bits for a process that there is already. */
struct pol_mark {
	struct rec_image image;	/* start 0: whoever has the tgid; `own` is only taken for this exec_count */
	struct pol_binaries binaries;
};

/* What may change in a process that executes nothing. */
struct pol_privileges {
	struct rec_namespaces namespaces;	/* in the order of enum pol_namespace */
	rec_u64 capabilities[3];		/* of enum pol_capabilities */
};
REC_ALIGNED(pol_privileges, 64);

/* What became of the hits of a row's selector. Each is one of the first three: an event, none wanted, or one held back. */
enum pol_count {
	POL_COUNT_POST,
	POL_COUNT_NO_POST,
	POL_COUNT_LIMITED,		/* posts that a rate limit held back */
	POL_COUNT_SIGNAL_FAILED,	/* signals that the kernel did not send */
	POL_COUNT_NOT_ENFORCED,		/* notifications that no enforcer took, or that found no room */
	POL_COUNT_UNHASHED,		/* hashes that the kernel did not have */
	POL_COUNT_SIGNAL,
	POL_COUNT_OVERRIDE,
	POL_COUNT_NOTIFY,
	POL_COUNT_MONITORED,		/* what monitor mode keeps back: the same three, in the same order */
	POL_COUNT_MONITORED_SIGNAL = POL_COUNT_MONITORED,
	POL_COUNT_MONITORED_OVERRIDE,
	POL_COUNT_MONITORED_NOTIFY,
	POL_COUNT_SIZE,
};
/* Of row r and selector s at r * POL_SELECTORS_MAX + s. */
struct pol_counts { rec_u64 counts[POL_COUNT_SIZE]; };

/* What an enforcer is to do to a thread. */
struct pol_notice_key { rec_u64 thread; rec_u32 enforcer; rec_u32 pad; };
struct pol_notice { rec_i32 error; rec_u32 signal; rec_u32 row; rec_u32 pad; };
REC_ALIGNED(pol_notice, 16);

struct pol_enforcer_counts {
	rec_u64 taken;			/* notices */
	rec_u64 signals_failed;
	rec_u64 errors_impossible;	/* where nothing can be returned */
	rec_u64 unawaited;		/* calls at whose end nobody looked for one */
};

/* Whose a tracked socket is. */
struct pol_owner { struct rec_image image; rec_u64 cgroup_id; };
REC_ALIGNED(pol_owner, 24);
/* What a program did not do, from its load on. */
struct pol_misses {
	rec_u64 busy;		/* hits that found no memory to work in: others were being worked at */
	rec_u64 returns;	/* returns that are waited for and will not come */
};

/* System calls, whose programs follow one another: where a program stands, and behind it the next. 0 is nobody. */
enum pol_syscall_limit {
	POL_SYSCALLS_MAX = 1024,	/* numbers of one ABI */
	POL_SLOTS_MAX = 4096,		/* of all numbers and programs */
	POL_CHAIN_MAX = 32,		/* programs at one number of one dispatcher: what the kernel lets follow */
	POL_DISPATCHERS = 2,
};

struct pol_slot { rec_u32 next, function; };	/* read as one word */

/* Where a number's programs begin, in the order of this index. */
#define POL_FIRST(dispatcher, is_exit, is_compat, number) \
	((((dispatcher) * 2 + (is_exit)) * 2 + (is_compat)) * POL_SYSCALLS_MAX + (number))
#define POL_FIRSTS_MAX (POL_DISPATCHERS * 4 * POL_SYSCALLS_MAX)

/* --- What crosses over --- */

enum pol_record_flag {
	POL_IS_RETURN = 1 << 0,		/* the end of a call whose beginning had the same tid and call */
	POL_AWAITS_RETURN = 1 << 1,	/* that one comes, or its loss is counted */
	POL_DROPPED_AT_RETURN = 1 << 2,	/* what it returned did not match: neither is an event */
	POL_IS_MONITORED = 1 << 3,
	POL_ABI_32 = 1 << 4,
	POL_NOT_POSTED = 1 << 5,	/* for its action's sake: POL_DO_GET_URL, POL_DO_DNS_LOOKUP with POL_DO_NO_POST */
	POL_OF_OWNER = 1 << 6,		/* image and cgroup are those that a tracked socket is known by */
	POL_HAS_HASH = 1 << 7,
	POL_HASH_FAILED = 1 << 8,	/* one was asked for, and the kernel has none */
};

/*
 * REC_POLICY. Tail: values (pol_value and its bytes, no padding), kernel stack, user stack (rec_u64 each), the file's
 * hash (POL_HAS_HASH).
 */
struct rec_policy {
	struct rec_head head;
	struct rec_image image;
	rec_u64 cgroup_id;
	rec_u64 call;		/* time of the hit, which pairs entry and return */
	rec_u32 tid;
	rec_u32 row;		/* pol_row.id */
	rec_u32 flags;		/* enum pol_record_flag */
	rec_u8 selector;
	rec_u8 action;		/* enum pol_action: the last that was done */
	rec_u8 kernel_frames, user_frames;
	rec_u32 values_len;
	rec_u32 function;	/* index of the one that was called, where several share a program */
	rec_u8 hash_algorithm;	/* the kernel's enum hash_algo: 2 SHA-1, 4 SHA-256, 5 SHA-384, 6 SHA-512 */
	rec_u8 hash_len;
	rec_u8 pad2[6];
};
REC_ALIGNED(rec_policy, 88);

struct pol_value {
	rec_u8 index;	/* which argument; POL_RETURN */
	rec_u8 type;	/* enum pol_type */
	rec_u16 flags;	/* enum pol_value_flag */
	rec_u32 length;	/* bytes that follow */
};
REC_ALIGNED(pol_value, 8);

/*
 * REC_POLICY_DATA: a part of a value that is POL_CONTINUED, in order. They follow the rec_policy of
 * their hit, which has the same tid and call, before anything else that this thread does. Tail: the
 * bytes. The number of one that is lost is missing, and so is its seq.
 */
struct rec_policy_data {
	struct rec_head head;
	rec_u64 call;
	rec_u32 tid;
	rec_u32 number;		/* of the value's parts, from 0 */
	rec_u32 offset;		/* in the value: what is in rec_policy counts */
	rec_u32 length;
	rec_u8 index;		/* pol_value.index */
	rec_u8 flags;		/* enum pol_data_flag */
	rec_u16 value_flags;	/* of the last: enum pol_value_flag, besides those in pol_value */
	rec_u32 pad;
};
REC_ALIGNED(rec_policy_data, 56);

enum pol_data_flag { POL_LAST = 1 << 0 };

/* In front of a path's bytes. */
struct pol_path {
	rec_u32 mode;	/* of the inode: type and permission bits */
	rec_i32 fd;	/* POL_FD */
	rec_u32 flags;	/* enum pol_path_flag */
	rec_u32 pad;
};
REC_ALIGNED(pol_path, 16);

enum pol_path_flag { POL_PATH_UNRESOLVED = 1 << 0, POL_PATH_OUTSIDE = 1 << 1 };

struct pol_sock {
	rec_u16 family, type, protocol;
	rec_u16 state;
	rec_u32 mark, priority;
	rec_u8 from[16], to[16];	/* IPv4 as ::ffff:a.b.c.d */
	rec_u16 from_port, to_port;	/* in host order */
	rec_u32 hash;			/* POL_SKB */
	rec_u64 cookie;
	rec_u32 length;			/* POL_SKB */
	rec_u32 sec_path_len, sec_path_olen;
	rec_u32 pad;
};
REC_ALIGNED(pol_sock, 80);

struct pol_user_namespace { rec_i32 level; rec_u32 owner, group, inum; };
struct pol_bpf_attr { rec_u32 kind, count; char name[16]; };
struct pol_bpf_map { rec_u32 kind, key_size, value_size, max_entries; char name[16]; };
struct pol_perf_event { rec_u32 type, pad; rec_u64 config, offset; char function[64]; };
struct pol_module { rec_u64 taints; rec_u32 signature_ok; rec_u32 pad; char name[56]; };

#endif
