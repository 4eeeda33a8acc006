/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What policies read of the kernel besides: as in kernel.h, names count, order does not. */
/* clang-format off */
#ifndef APUS_POLICY_KERNEL_H
#define APUS_POLICY_KERNEL_H

#include "kernel.h"

typedef __s64 s64;
typedef __u16 be16;
typedef __u32 be32;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct filename { const char *name; };

struct fdtable { unsigned int max_fds; struct file **fd; };
struct files_struct { struct fdtable *fdt; };
struct task_struct___files { struct files_struct *files; };
struct file___mode { unsigned int f_mode; };
struct dentry___inode { struct inode *d_inode; };
struct hlist_bl_node { struct hlist_bl_node *next, **pprev; };
struct dentry___hash { struct hlist_bl_node d_hash; };
struct kiocb { struct file *ki_filp; };

struct kvec { void *iov_base; u64 iov_len; };
struct iov_iter {
	u8 iter_type;
	u64 iov_offset, count, nr_segs;
	const struct kvec *kvec;
	void *ubuf;
};
/* The name that user vectors had until 6.3, and have since. */
struct iov_iter___old { const struct kvec *iov; };
struct iov_iter___new { const struct kvec *__iov; };
enum iter_type { ITER_IOVEC = 1, ITER_KVEC = 2, ITER_UBUF = 3 };

struct in6_addr_ { u8 bytes[16]; };
struct sock_common {
	u16 skc_family;
	u8 skc_state;
	be32 skc_daddr, skc_rcv_saddr;
	be16 skc_dport;
	u16 skc_num;
	struct in6_addr { u8 in6_u[16]; } skc_v6_daddr, skc_v6_rcv_saddr;
	struct { s64 counter; } skc_cookie;
};
struct sock { struct sock_common __sk_common; u16 sk_type, sk_protocol; u32 sk_mark, sk_priority; };
struct socket { short type; struct sock *sk; };
struct sk_buff {
	u32 len, hash, priority, mark;
	be16 protocol;
	u16 transport_header, network_header;
	unsigned char *head;
	u8 active_extensions;
	struct skb_ext *extensions;
};
struct skb_ext { u8 offset[1]; };
enum skb_ext_id { SKB_EXT_SEC_PATH = 1 };
struct sec_path { int len, olen; };
struct net_device { char name[16]; };

struct bpf_map { enum bpf_map_type map_type; u32 key_size, value_size, max_entries; char name[16]; };
struct bpf_prog_aux { char name[16]; };
struct bpf_prog { enum bpf_prog_type type; u32 len; struct bpf_prog_aux *aux; };
struct perf_event { struct { u32 type; } attr; };
struct module { char name[56]; unsigned long taints; bool sig_ok; };
struct load_info { const char *name; struct module *mod; bool sig_ok; };

struct thread_info { u32 status; unsigned long flags; };
struct task_struct___info { struct thread_info thread_info; };
/* As the kernel itself calls them. */
struct pt_regs___kernel {
	unsigned long bx, cx, dx, si, di, bp, r8, r9, r10; /* x86 */
	u64 regs[31], orig_x0; /* arm64 */
};

#pragma clang attribute pop

#define APUS_AF_UNIX 1
#define APUS_AF_INET 2
#define APUS_AF_INET6 10
#define APUS_TS_COMPAT 2 /* x86: thread_info.status */
#define APUS_TIF_32BIT (1 << 22) /* arm64: thread_info.flags */
#define APUS_PERF_TYPE_BREAKPOINT 5 /* the last that has a number of its own */

#endif
