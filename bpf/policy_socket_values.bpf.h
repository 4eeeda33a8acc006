/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sockets, packets and addresses, as values. */
#ifndef APUS_POLICY_SOCKET_VALUES_BPF_H
#define APUS_POLICY_SOCKET_VALUES_BPF_H

#include "policy_making.bpf.h"

static __always_inline void map_ipv4(u8 *to, u32 address)
{
	*(u64 *)to = 0;
	*(u32 *)(to + 8) = 0xffff0000;
	*(u32 *)(to + 12) = address;
}

static __always_inline void read_sock(struct pol_sock *to, struct sock *sk)
{
	to->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	to->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	to->type = BPF_CORE_READ(sk, sk_type);
	to->protocol = BPF_CORE_READ(sk, sk_protocol);
	to->mark = BPF_CORE_READ(sk, sk_mark);
	to->priority = BPF_CORE_READ(sk, sk_priority);
	to->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	if (to->family == APUS_AF_INET) {
		map_ipv4(to->from, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(to->to, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	} else if (to->family == APUS_AF_INET6) {
		bpf_core_read(to->from, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(to->to, 16, &sk->__sk_common.skc_v6_daddr);
	} else {
		return;
	}
	to->from_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	to->to_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline void read_skb(struct pol_sock *to, struct sk_buff *skb)
{
	u64 network = (u64)BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);
	u16 protocol = __builtin_bswap16(BPF_CORE_READ(skb, protocol));
	bool has_ports = true;
	struct sec_path *sec;
	struct skb_ext *ext;
	u8 bytes[40] = {};
	u16 ports[2] = {};
	u32 size = 40;
	u8 offset = 0;

	to->length = BPF_CORE_READ(skb, len);
	to->hash = BPF_CORE_READ(skb, hash);
	to->mark = BPF_CORE_READ(skb, mark);
	to->priority = BPF_CORE_READ(skb, priority);
	if (protocol != 0x0800 && protocol != 0x86dd)
		return;
	bpf_probe_read_kernel(bytes, sizeof(bytes), (void *)network);
	if (protocol == 0x0800) {
		to->family = APUS_AF_INET;
		to->protocol = bytes[9];
		map_ipv4(to->from, *(u32 *)&bytes[12]);
		map_ipv4(to->to, *(u32 *)&bytes[16]);
		size = (bytes[0] & 15) * 4;
		/* Only the first fragment has them. */
		has_ports = !(*(u16 *)&bytes[6] & __builtin_bswap16(0x1fff));
	} else {
		to->family = APUS_AF_INET6;
		to->protocol = bytes[6];
		__builtin_memcpy(to->from, &bytes[8], 16);
		__builtin_memcpy(to->to, &bytes[24], 16);
	}
	/*
	 * TCP, UDP, SCTP, UDP-Lite: ports come first. Where is the network header's word: that of
	 * the buffer about its transport header is not yet, or no more, true at every hook.
	 */
	if (has_ports && (to->protocol == 6 || to->protocol == 17 || to->protocol == 132 ||
			  to->protocol == 136)) {
		bpf_probe_read_kernel(ports, sizeof(ports), (void *)network + size);
		to->from_port = __builtin_bswap16(ports[0]);
		to->to_port = __builtin_bswap16(ports[1]);
	}
	if (!bpf_core_field_exists(skb->active_extensions) ||
	    !bpf_core_enum_value_exists(enum skb_ext_id, SKB_EXT_SEC_PATH))
		return;
	if (!(BPF_CORE_READ(skb, active_extensions) &
	      (1 << bpf_core_enum_value(enum skb_ext_id, SKB_EXT_SEC_PATH))))
		return;
	ext = BPF_CORE_READ(skb, extensions);
	bpf_probe_read_kernel(&offset, 1,
			      (void *)ext + bpf_core_field_offset(struct skb_ext, offset) +
				      bpf_core_enum_value(enum skb_ext_id, SKB_EXT_SEC_PATH));
	sec = (void *)ext + (offset << 3);
	to->sec_path_len = BPF_CORE_READ(sec, len);
	to->sec_path_olen = BPF_CORE_READ(sec, olen);
}

/* A path, which may end with a NUL, or a name behind one. */
static __always_inline void add_unix_name(struct making *m, u64 address, s64 length, u32 max,
					  u32 flags)
{
	u8 first = 0;

	if (max > 108)
		max = 108;
	if (length < 3 || read_bytes(&first, 1, address + 2, flags))
		return;
	if (length - 2 < max)
		max = length - 2;
	if (first)
		add_string(m, address + 2, max, flags);
	else
		add_bytes(m, address + 2, max, max, flags);
}

/*
 * Its address is in `to`. How long it is, another value says, if one does; the kernel's own copy is
 * longer, and what is behind is not ours to tell.
 */
static __always_inline void read_sockaddr(struct making *m, u64 address, s64 length, u32 max,
					  u32 flags)
{
	struct pol_sock *s = add_blank(m, sizeof(*s));
	u8 bytes[24] = {};
	long error = 0;
	u16 family = 0;

	if (length >= 2)
		error = read_bytes(&family, 2, address, flags);
	s->family = family;
	if (!error && family == APUS_AF_INET && length >= 8) {
		error = read_bytes(bytes, 8, address, flags);
		map_ipv4(s->to, *(u32 *)&bytes[4]);
	} else if (!error && family == APUS_AF_INET6 && length >= 24) {
		error = read_bytes(bytes, 24, address, flags);
		__builtin_memcpy(s->to, &bytes[8], 16);
	}
	s->to_port = __builtin_bswap16(*(u16 *)&bytes[2]);
	if (error)
		m->head.flags |= POL_UNREADABLE;
	if (family == APUS_AF_UNIX)
		add_unix_name(m, address, length, max, flags);
}

#endif
