/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a hook passes, by the types that the shape gives it, into the tail of a record. */
#ifndef APUS_POLICY_VALUES_BPF_H
#define APUS_POLICY_VALUES_BPF_H

#include "policy_kernel_path.bpf.h"
#include "policy_paths.bpf.h"
#include "policy_registers.bpf.h"

static __always_inline bool is_number(u32 type)
{
	return type >= POL_I8 && type <= POL_SYSCALL;
}

/* A number as its type has it; what does not belong to the type is what the register had before. */
static __always_inline u64 as_number(u64 raw, u32 type)
{
	switch (type) {
	case POL_I8:
		return (s64)(signed char)raw;
	case POL_U8:
		return (u8)raw;
	case POL_I16:
		return (s64)(short)raw;
	case POL_U16:
		return (u16)raw;
	case POL_I32:
		return (s64)(s32)raw;
	case POL_U32:
		return (u32)raw;
	case POL_SYSCALL:
		return is_compat(bpf_get_current_task_btf()) ? (u32)raw | POL_SYSCALL_32 : raw;
	}
	return raw;
}

/*
 * An address that a program gave is looked up in its own memory, whatever it says: else whoever
 * calls us could have the kernel's told. What the kernel gives can be of either kind.
 */
static __always_inline bool is_users(u64 address, u32 flags)
{
	return flags & POL_USER || (s64)address >= 0;
}

static __always_inline long read_bytes(void *to, u32 length, u64 from, u32 flags)
{
	return is_users(from, flags) ? bpf_probe_read_user(to, length, (void *)from)
				     : bpf_probe_read_kernel(to, length, (void *)from);
}

static __always_inline long read_string(void *to, u32 length, u64 from, u32 flags)
{
	return is_users(from, flags) ? bpf_probe_read_user_str(to, length, (void *)from)
				     : bpf_probe_read_kernel_str(to, length, (void *)from);
}

/* What can be read where the next page cannot. */
static __always_inline u32 to_end_of_page(u64 from)
{
	return 4096 - (from & 4095);
}

/* --- Values that hooks pass --- */

static __always_inline u64 get_raw(struct pol_scratch *s, u32 index)
{
	return index < POL_RAW_MAX ? s->raw[index] : 0;
}

/* From what the hook passes, step by step, to what is asked for. Not 0 if there is no way. */
static __noinline int resolve(u64 *value, u32 i)
{
	u32 flags, k;
	u64 at;

	if (!value || i >= POL_VALUES_MAX)
		return -1;
	flags = shape.arguments[i].flags;
	at = *value;
#pragma clang loop unroll(disable)
	for (k = 0; k < POL_STEPS_MAX; k++) {
		const volatile struct pol_step *step = &shape.resolutions[i].steps[k];
		u64 next = 0;

		if (k >= shape.resolutions[i].count)
			break;
		at += step->offset;
		switch (step->bytes) {
		case 1:
			if (read_bytes(&next, 1, at, flags))
				return -1;
			break;
		case 2:
			if (read_bytes(&next, 2, at, flags))
				return -1;
			break;
		case 4:
			if (read_bytes(&next, 4, at, flags))
				return -1;
			break;
		case 8:
			if (read_bytes(&next, 8, at, flags))
				return -1;
			break;
		default:
			continue;
		}
		at = next;
		if (step->bits)
			at = at >> (step->bit & 63) & ((1ULL << (step->bits & 63)) - 1);
	}
	*value = at;
	return 0;
}

/* What an argument is, or where. False if that could not be read. */
static __always_inline bool get_argument(struct pol_scratch *s, u32 i, u64 *value)
{
	*value = get_raw(s, shape.arguments[i].raw);
	return !shape.resolutions[i].count || !resolve(value, i);
}

/* How many there are, by the value that says so. */
static __always_inline u64 get_count(struct pol_scratch *s, u32 i)
{
	u32 flags = shape.arguments[i].flags;
	u64 count = ~0ULL;

	if (flags & POL_IN_PLACE)
		return shape.arguments[i].max;
	if (shape.arguments[i].size_raw)
		count = get_raw(s, shape.arguments[i].size_raw - 1);
	else if (!(flags & POL_AT_RETURN))
		return 0;
	if (flags & POL_COUNT_32)
		count = (s32)count < 0 ? 0 : (u32)count;
	return count;
}

/* At the end of a call: as many bytes as it says that there are. */
static __always_inline u64 get_returned(struct pol_scratch *s, u32 i)
{
	s64 returned = s->raw[POL_RAW_RETURN];

	if (!(shape.arguments[i].flags & POL_AT_RETURN))
		return ~0ULL;
	return returned < 0 ? 0 : returned;
}

/*
 * A value in the making: where its bytes go. The verifier of 6.1 forgets bounds that were proved
 * elsewhere, so each write states its own.
 */
struct making {
	struct pol_scratch *scratch;
	struct pol_value head;
	u32 at;	    /* of the head, in the tail */
	u32 length; /* so far */
};

#define POL_SOME (sizeof(struct pol_value) + 256) /* room for a head and a structure */

static __always_inline char *room(struct making *m)
{
	u32 at = m->at + sizeof(struct pol_value) + m->length;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX)
		at = POL_TAIL_MAX;
	return &m->scratch->tail[at];
}

static __always_inline void add_structure(struct making *m, const void *bytes, u32 size)
{
	__builtin_memcpy(room(m), bytes, size);
	m->length += size;
}

/* Room for a structure, blank. In place: the stack has none. */
static __always_inline void *add_blank(struct making *m, u32 size)
{
	void *to = room(m);

	__builtin_memset(to, 0, size);
	m->length += size;
	return to;
}

/* The bytes up to the end of their page. */
static __always_inline void add_readable(struct making *m, u64 from, u32 max, u32 flags)
{
	u32 bytes = to_end_of_page(from);

	m->head.flags |= POL_UNREADABLE;
	if (bytes > max)
		return;
	asm volatile("" : "+r"(bytes));
	if (bytes <= POL_STRING_MAX && !read_bytes(room(m), bytes, from, flags))
		m->length += bytes;
}

static __always_inline void add_string(struct making *m, u64 from, u32 max, u32 flags)
{
	u32 size;
	long length;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	/* One byte more than is wanted, and a NUL: what fills that has more to say. */
	size = max + 2;
	length = read_string(room(m), size, from, flags);
	if (length < 0) {
		add_readable(m, from, max, flags);
	} else if (length == size) {
		m->head.flags |= POL_TRUNCATED;
		m->length += max;
	} else if (length > 0) {
		/* An empty one of a program's has no NUL either, until 6.13. */
		m->length += length - 1;
	}
}

static __always_inline void add_bytes(struct making *m, u64 from, u64 length, u32 max, u32 flags)
{
	u32 bytes = length;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	if (length > max) {
		bytes = max;
		m->head.flags |= flags & POL_MORE ? POL_CONTINUED : POL_TRUNCATED;
	}
	asm volatile("" : "+r"(bytes));
	if (bytes > POL_STRING_MAX)
		bytes = POL_STRING_MAX;
	/* Of nothing the address does not matter. */
	if (!bytes || !read_bytes(room(m), bytes, from, flags)) {
		m->length += bytes;
		return;
	}
	m->head.flags &= ~POL_CONTINUED;
	add_readable(m, from, bytes, flags);
}

/* --- Buffers in pieces, and long ones --- */

#define POL_PIECES_MAX 1024 /* UIO_MAXIOV */

/* What a loop is handed: its state is in the scratch, where the verifier does not follow each turn
 * of it. */
struct gatherer {
	struct pol_scratch *scratch;
};

static __always_inline bool take_piece(struct gathering *g)
{
	struct kvec piece = {};
	u32 words[2] = {};

	g->pieces--;
	if (g->is_32_bit) {
		if (read_bytes(words, sizeof(words), g->vector, g->vector_flags))
			return false;
		g->vector += sizeof(words);
		g->base = words[0];
		g->size = words[1];
		return true;
	}
	if (read_bytes(&piece, sizeof(piece), g->vector, g->vector_flags))
		return false;
	g->vector += sizeof(piece);
	g->base = (u64)piece.iov_base;
	g->size = piece.iov_len;
	return true;
}

/* Takes a page of the piece at hand, or all of it. Ends when there is no more, or no more room. */
static long gather(u32 index, struct gatherer *by)
{
	struct gathering *g = &by->scratch->gathering;
	u32 bytes, at = g->at, flags = g->piece_flags;
	u64 passed;

	if (!g->left)
		goto done;
	if (!g->size) {
		if (!g->pieces)
			goto done;
		if (!take_piece(g)) {
			g->flags |= POL_UNREADABLE;
			goto done;
		}
	}
	if (g->skip) {
		passed = g->skip < g->size ? g->skip : g->size;
		g->base += passed;
		g->size -= passed;
		g->skip -= passed;
	}
	if (!g->size)
		return 0;
	if (at >= g->end)
		return 1;
	bytes = g->end - at;
	if (g->size < bytes)
		bytes = g->size;
	if (g->left < bytes)
		bytes = g->left;
	if (bytes > POL_STRING_MAX)
		bytes = POL_STRING_MAX;
	asm volatile("" : "+r"(at));
	asm volatile("" : "+r"(bytes));
	if (at > POL_TAIL_MAX || bytes > POL_STRING_MAX)
		goto done;
	if (read_bytes(&by->scratch->tail[at], bytes, g->base, flags)) {
		g->flags |= POL_UNREADABLE;
		g->is_done = true;
		if (bytes <= to_end_of_page(g->base))
			return 1;
		bytes = to_end_of_page(g->base);
		asm volatile("" : "+r"(bytes));
		if (bytes > POL_STRING_MAX ||
		    read_bytes(&by->scratch->tail[at], bytes, g->base, flags))
			return 1;
	}
	g->at = at + bytes;
	g->base += bytes;
	g->size -= bytes;
	g->left -= bytes;
	return g->is_done ? 1 : 0;
done:
	g->is_done = true;
	return 1;
}

static __always_inline void begin_iterator(struct gathering *g, struct iov_iter *i)
{
	u8 kind = BPF_CORE_READ(i, iter_type);
	u64 count = BPF_CORE_READ(i, count);

	g->skip = BPF_CORE_READ(i, iov_offset);
	if (g->left > count)
		g->left = count;
	g->piece_flags = POL_USER;
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    kind == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		g->base = (u64)BPF_CORE_READ(i, ubuf);
		g->size = g->skip + count;
		return;
	}
	g->pieces = BPF_CORE_READ(i, nr_segs);
	if (kind == bpf_core_enum_value(enum iter_type, ITER_KVEC)) {
		g->vector = (u64)BPF_CORE_READ(i, kvec);
		g->piece_flags = 0;
	} else if (kind != bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		/* Pages, which have no address here, or a sink. */
		g->flags |= POL_UNREADABLE;
		g->pieces = 0;
	} else if (bpf_core_field_exists(((struct iov_iter___new *)i)->__iov)) {
		g->vector = (u64)BPF_CORE_READ((struct iov_iter___new *)i, __iov);
	} else {
		g->vector = (u64)BPF_CORE_READ((struct iov_iter___old *)i, iov);
	}
}

static __noinline int begin_gathering(struct pol_scratch *s, u32 i)
{
	struct gathering *g;
	u32 type, flags;
	u64 raw;

	if (!s || i >= POL_VALUES_MAX)
		return 0;
	type = shape.arguments[i].type;
	flags = shape.arguments[i].flags;
	g = &s->gathering;
	__builtin_memset(g, 0, sizeof(*g));
	if (!get_argument(s, i, &raw)) {
		g->flags |= POL_UNREADABLE;
		return 0;
	}
	g->left = get_returned(s, i);
	switch (type) {
	case POL_BUFFER:
		g->base = raw;
		g->size = get_count(s, i);
		g->piece_flags = flags & POL_USER;
		break;
	case POL_IOVEC:
		g->vector = raw;
		g->pieces = get_count(s, i);
		g->vector_flags = flags & POL_USER;
		g->piece_flags = POL_USER;
		g->is_32_bit = is_users(raw, flags) && is_compat(bpf_get_current_task_btf());
		break;
	case POL_ITERATOR:
		begin_iterator(g, (void *)raw);
	}
	if (g->pieces > POL_PIECES_MAX) {
		g->pieces = POL_PIECES_MAX;
		g->flags |= POL_TRUNCATED;
	}
	return 0;
}

static __always_inline void add_pieces(struct making *m, u32 i, u32 max)
{
	struct gatherer by = { .scratch = m->scratch };
	struct gathering *g = &m->scratch->gathering;

	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	begin_gathering(m->scratch, i);
	g->at = m->at + sizeof(struct pol_value) + m->length;
	g->end = g->at + max;
	bpf_loop(POL_PIECES_MAX + POL_STRING_MAX / 4096 + 2, gather, &by, 0);
	m->head.flags |= g->flags;
	if (!g->is_done)
		m->head.flags |=
			shape.arguments[i].flags & POL_MORE ? POL_CONTINUED : POL_TRUNCATED;
	m->length = g->at - m->at - sizeof(struct pol_value);
}

static long send_part(u32 number, struct gatherer *by)
{
	struct pol_scratch *s = by->scratch;
	struct rec_policy_data *r = (void *)s->tail;
	struct gathering *g = &s->gathering;
	u32 room = POL_DATA_MAX - g->offset, length, flags = 0;

	if (room > POL_DATA_CHUNK)
		room = POL_DATA_CHUNK;
	g->at = sizeof(*r);
	g->end = sizeof(*r) + room;
	bpf_loop(POL_PIECES_MAX + POL_DATA_CHUNK / 4096 + 2, gather, by, 0);
	length = g->at - sizeof(*r);
	asm volatile("" : "+r"(length));
	if (length > POL_DATA_CHUNK)
		return 1;
	r->call = s->time;
	r->tid = (u32)bpf_get_current_pid_tgid();
	r->number = number;
	r->offset = g->offset;
	r->length = length;
	r->index = g->index;
	r->pad = 0;
	g->offset += length;
	if (g->is_done) {
		flags = POL_LAST;
	} else if (g->offset >= POL_DATA_MAX) {
		flags = POL_LAST;
		g->flags |= POL_TRUNCATED;
	}
	r->flags = flags;
	r->value_flags = g->flags;
	/* One that finds no room is a gap, and the end. */
	if (!send_record(&r->head, REC_POLICY_DATA, sizeof(*r) + length))
		return 1;
	return flags ? 1 : 0;
}

/* At the end of a hit that was posted: the tail is free again. */
static __noinline int send_more(struct pol_scratch *s)
{
	struct gatherer by = { .scratch = s };
	u32 i;

	if (!s)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < POL_VALUES_MAX; i++) {
		if (!(shape.arguments[i].flags & POL_MORE) || !(s->continued & 1 << i))
			continue;
		begin_gathering(s, i);
		s->gathering.index = i;
		s->gathering.offset = s->length[i];
		s->gathering.skip += s->length[i];
		s->gathering.left -= s->length[i];
		bpf_loop(POL_DATA_MAX / POL_DATA_CHUNK + 1, send_part, &by, 0);
	}
	return 0;
}

/* --- Paths --- */

#define POL_IS_KIND(mode, kind) (((mode)&0170000) == (kind))

/*
 * What /proc calls a socket or pipe, which has no name of its own: "socket:[4026]". Written to the
 * end of the path's buffer; returns where it begins.
 */
static __noinline int name_by_number(struct pol_scratch *s, u32 is_socket, u64 number)
{
	u32 position = POL_PATH_END - 1, i;

	if (!s)
		return POL_PATH_END;
	s->path[POL_PATH_END - 1] = ']';
#pragma clang loop unroll(full)
	for (i = 0; i < 20; i++) {
		position--;
		s->path[position] = '0' + number % 10;
		number /= 10;
		if (!number)
			break;
	}
#pragma clang loop unroll(full)
	for (i = 0; i < 8; i++) {
		if (!is_socket && i >= 6)
			break;
		position--;
		s->path[position & (POL_STRING_MAX - 1)] = is_socket ? "[:tekcos"[i] : "[:epip"[i];
	}
	return position;
}

/* `path` is the address of a struct path, or 0 where only `dentry` is known. */
static __always_inline void add_path(struct making *m, u64 path, u64 dentry, s32 fd, u32 slot,
				     u32 *start)
{
	struct pol_path head = { .fd = fd };
	u32 result, position, length;
	u64 inode = 0;

	if (path) {
		pol_set_ends(&m->scratch->ends, path);
		dentry = m->scratch->ends.dentry;
	} else {
		__builtin_memset(&m->scratch->ends, 0, sizeof(struct path_ends));
		m->scratch->ends.dentry = dentry;
	}
	if (dentry) {
		inode = read_pointer(dentry +
				     bpf_core_field_offset(struct dentry___inode, d_inode));
		head.mode = BPF_CORE_READ((struct inode *)inode, i_mode);
	}
	result = pol_walk_path(slot);
	position = result & POL_PATH_POSITION;
	if (result & POL_PATH_FAILED) {
		head.flags |= POL_PATH_UNRESOLVED;
		m->head.flags |= POL_UNREADABLE;
	}
	if (result & POL_PATH_NOT_BELOW &&
	    (POL_IS_KIND(head.mode, 0140000) || POL_IS_KIND(head.mode, 0010000)))
		position = name_by_number(m->scratch, POL_IS_KIND(head.mode, 0140000),
					  BPF_CORE_READ((struct inode *)inode, i_ino));
	if (result & POL_PATH_NOT_BELOW)
		head.flags |= POL_PATH_OUTSIDE;
	if (result & POL_PATH_CUT)
		m->head.flags |= POL_TRUNCATED;
	add_structure(m, &head, sizeof(head));
	*start = m->length;
	asm volatile("" : "+r"(position));
	if (position > POL_PATH_END)
		position = POL_PATH_END;
	length = POL_PATH_END - position;
	asm volatile("" : "+r"(length));
	if (length > POL_STRING_MAX)
		length = POL_STRING_MAX;
	bpf_probe_read_kernel(room(m), length, &m->scratch->path[position]);
	m->length += length;
}

static __always_inline u64 file_of_fd(u32 fd)
{
	struct task_struct___files *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	if (fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	return read_pointer((u64)BPF_CORE_READ(table, fd) + fd * sizeof(u64));
}

static __always_inline void add_file(struct making *m, u64 file, s32 fd, u32 slot, u32 *start)
{
	add_path(m, file ? file + bpf_core_field_offset(struct file, f_path) : 0, 0, fd, slot,
		 start);
}

/* --- Sockets --- */

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

/* --- Structures --- */

static __always_inline void read_user_namespace(struct pol_user_namespace *to,
						struct user_namespace *ns)
{
	to->level = BPF_CORE_READ(ns, level);
	to->owner = BPF_CORE_READ(ns, owner.val);
	to->group = BPF_CORE_READ(ns, group.val);
	to->inum = BPF_CORE_READ(ns, ns.inum);
}

static __always_inline void read_cred(struct rec_creds *to, struct cred *cred)
{
	to->uid = BPF_CORE_READ(cred, uid.val);
	to->gid = BPF_CORE_READ(cred, gid.val);
	to->euid = BPF_CORE_READ(cred, euid.val);
	to->egid = BPF_CORE_READ(cred, egid.val);
	to->suid = BPF_CORE_READ(cred, suid.val);
	to->sgid = BPF_CORE_READ(cred, sgid.val);
	to->fsuid = BPF_CORE_READ(cred, fsuid.val);
	to->fsgid = BPF_CORE_READ(cred, fsgid.val);
	bpf_core_read(&to->cap_permitted, 8, &cred->cap_permitted);
	bpf_core_read(&to->cap_effective, 8, &cred->cap_effective);
	bpf_core_read(&to->cap_inheritable, 8, &cred->cap_inheritable);
	bpf_core_read(&to->cap_ambient, 8, &cred->cap_ambient);
	to->securebits = BPF_CORE_READ(cred, securebits);
	to->user_ns_level = BPF_CORE_READ(cred, user_ns, level);
	to->user_ns_owner_uid = BPF_CORE_READ(cred, user_ns, owner.val);
	to->user_ns_owner_gid = BPF_CORE_READ(cred, user_ns, group.val);
}

/* Of BPF_PROG_LOAD; the layout is the API's. */
static __always_inline void read_bpf_attr(struct making *m, u64 attr, u64 size, u32 flags)
{
	struct pol_bpf_attr *a = add_blank(m, sizeof(*a));

	if (size >= 8 && read_bytes(a, 8, attr, flags))
		m->head.flags |= POL_UNREADABLE;
	if (size >= 64)
		read_bytes(a->name, sizeof(a->name), attr + 48, flags);
}

/* The kernel's own copy of the API's struct perf_event_attr. */
static __always_inline void read_perf_event(struct making *m, struct perf_event *event)
{
	u64 attr = (u64)event + bpf_core_field_offset(struct perf_event, attr);
	struct pol_perf_event *e = add_blank(m, sizeof(*e));
	u32 type = read_pointer(attr);

	e->type = type;
	e->config = read_pointer(attr + 8);
	e->offset = read_pointer(attr + 64);
	/* Of probes, whose types are numbered behind the API's own: an address that the caller
	 * gave. */
	if (type > APUS_PERF_TYPE_BREAKPOINT)
		read_string(e->function, sizeof(e->function), read_pointer(attr + 56), POL_USER);
}

static __always_inline void read_module(struct pol_module *to, struct module *module)
{
	to->taints = BPF_CORE_READ(module, taints);
	if (bpf_core_field_exists(module->sig_ok))
		to->signature_ok = BPF_CORE_READ(module, sig_ok);
	bpf_core_read_str(to->name, sizeof(to->name), &module->name);
}

static __always_inline void read_load_info(struct pol_module *to, struct load_info *info)
{
	read_module(to, BPF_CORE_READ(info, mod));
	if (bpf_core_field_exists(info->sig_ok))
		to->signature_ok = BPF_CORE_READ(info, sig_ok);
	bpf_probe_read_kernel_str(to->name, sizeof(to->name), BPF_CORE_READ(info, name));
}

static __always_inline void read_bpf_map(struct pol_bpf_map *to, struct bpf_map *map)
{
	to->kind = BPF_CORE_READ(map, map_type);
	to->key_size = BPF_CORE_READ(map, key_size);
	to->value_size = BPF_CORE_READ(map, value_size);
	to->max_entries = BPF_CORE_READ(map, max_entries);
	bpf_core_read(to->name, sizeof(to->name), &map->name);
}

static __always_inline void read_bpf_prog(struct pol_bpf_attr *to, struct bpf_prog *prog)
{
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);

	to->kind = BPF_CORE_READ(prog, type);
	to->count = BPF_CORE_READ(prog, len);
	bpf_core_read(to->name, sizeof(to->name), &aux->name);
}

/* --- All of them --- */

/* Those that have a layout of their own. Apart, so that their room on the stack is not taken while
 * paths are walked. */
static __noinline int read_structure(struct pol_scratch *scratch, struct making *m, u32 i)
{
	u32 type, flags;
	u64 raw, count;
	u8 byte;

	if (!scratch || !m || i >= POL_VALUES_MAX)
		return 0;
	type = shape.arguments[i].type;
	flags = shape.arguments[i].flags;
	if (!get_argument(scratch, i, &raw)) {
		m->head.flags |= POL_UNREADABLE;
		return 0;
	}
	/* An address of nothing has no structure; the kernel's have none where a program says so.
	 */
	if (type == POL_SOCKADDR) {
		count = 110;
		if (shape.arguments[i].size_raw)
			count = (s32)get_raw(scratch, shape.arguments[i].size_raw - 1);
		read_sockaddr(m, raw, count, shape.arguments[i].max, flags);
		return 0;
	}
	if (type == POL_BPF_ATTR || type == POL_CAPABILITIES) {
		if (read_bytes(&byte, 1, raw, flags)) {
			m->head.flags |= POL_UNREADABLE;
			return 0;
		}
	} else if (flags & POL_USER || bpf_probe_read_kernel(&byte, 1, (void *)raw)) {
		m->head.flags |= POL_UNREADABLE;
		return 0;
	}
	switch (type) {
	case POL_SOCKET:
		raw = (u64)BPF_CORE_READ((struct socket *)raw, sk);
		if (!raw)
			m->head.flags |= POL_UNREADABLE;
		else
			read_sock(add_blank(m, sizeof(struct pol_sock)), (void *)raw);
		break;
	case POL_SOCK:
		read_sock(add_blank(m, sizeof(struct pol_sock)), (void *)raw);
		break;
	case POL_SKB:
		read_skb(add_blank(m, sizeof(struct pol_sock)), (void *)raw);
		break;
	case POL_CRED:
		read_cred(add_blank(m, sizeof(struct rec_creds)), (void *)raw);
		break;
	case POL_USER_NAMESPACE:
		read_user_namespace(add_blank(m, sizeof(struct pol_user_namespace)), (void *)raw);
		break;
	case POL_CAPABILITIES:
		if (read_bytes(add_blank(m, 8), 8, raw, flags))
			m->head.flags |= POL_UNREADABLE;
		break;
	case POL_BPF_ATTR:
		count = shape.arguments[i].size_raw ? get_count(scratch, i) : ~0ULL;
		read_bpf_attr(m, raw, count, flags);
		break;
	case POL_BPF_MAP:
		read_bpf_map(add_blank(m, sizeof(struct pol_bpf_map)), (void *)raw);
		break;
	case POL_BPF_PROG:
		read_bpf_prog(add_blank(m, sizeof(struct pol_bpf_attr)), (void *)raw);
		break;
	case POL_PERF_EVENT:
		read_perf_event(m, (void *)raw);
		break;
	case POL_MODULE:
		read_module(add_blank(m, sizeof(struct pol_module)), (void *)raw);
		break;
	case POL_LOAD_INFO:
		if (bpf_core_type_exists(struct load_info))
			read_load_info(add_blank(m, sizeof(struct pol_module)), (void *)raw);
		break;
	}
	return 0;
}

static __always_inline void read_value(struct making *m, struct hit *h, u32 i, u32 *start)
{
	u32 type = shape.arguments[i].type, max = shape.arguments[i].max;
	u32 flags = shape.arguments[i].flags;
	struct pol_scratch *s = h->scratch;
	u64 raw, count;

	if (!get_argument(s, i, &raw)) {
		m->head.flags |= POL_UNREADABLE;
		return;
	}
	if (is_number(type)) {
		u64 number = as_number(raw, type);

		add_structure(m, &number, sizeof(number));
		return;
	}
	/* What a program names is bytes, a descriptor, or one of the few structures of the API. */
	if (flags & POL_USER &&
	    (type == POL_FILENAME || type == POL_NET_DEVICE || type == POL_DATA_LOC ||
	     type == POL_ITERATOR || type == POL_PATH || type == POL_FILE || type == POL_KIOCB ||
	     type == POL_BINPRM || type == POL_DENTRY)) {
		m->head.flags |= POL_UNREADABLE;
		return;
	}
	switch (type) {
	case POL_NOP:
		break;
	case POL_STRING:
		add_string(m, raw, max, flags);
		break;
	case POL_FILENAME:
		add_string(m, (u64)BPF_CORE_READ((struct filename *)raw, name), max, 0);
		break;
	case POL_NET_DEVICE:
		add_string(m, raw + bpf_core_field_offset(struct net_device, name), 15, 0);
		break;
	case POL_BUFFER:
		count = get_count(s, i);
		if (count > get_returned(s, i))
			count = get_returned(s, i);
		add_bytes(m, raw, count, max, flags);
		break;
	case POL_DATA_LOC:
		count = raw >> 16 & 0xffff;
		if (count)
			add_string(m, (u64)h->ctx + (raw & 0xffff), count < max ? count : max, 0);
		break;
	case POL_IOVEC:
	case POL_ITERATOR:
		add_pieces(m, i, max);
		break;
	case POL_PATH:
		add_path(m, raw, 0, 0, s->slot, start);
		break;
	case POL_FILE:
		add_file(m, raw, 0, s->slot, start);
		break;
	case POL_KIOCB:
		add_file(m, (u64)BPF_CORE_READ((struct kiocb *)raw, ki_filp), 0, s->slot, start);
		break;
	case POL_BINPRM:
		add_file(m, (u64)BPF_CORE_READ((struct linux_binprm *)raw, file), 0, s->slot,
			 start);
		break;
	case POL_FD:
		add_file(m, file_of_fd(raw), raw, s->slot, start);
		break;
	case POL_DENTRY:
		add_path(m, 0, raw, 0, s->slot, start);
		break;
	default:
		read_structure(s, m, i);
	}
}

/* Appends a value to the tail. */
static __noinline int append_value(struct hit *h, u32 i)
{
	struct pol_scratch *s = h->scratch;
	struct making m = {
		.scratch = s,
		.head = { .index = i, .type = shape.arguments[i].type },
		.at = s->end,
	};
	u32 start = 0, at;

	if (m.at > POL_TAIL_MAX - POL_SOME)
		m.head.flags |= POL_NO_ROOM;
	else
		read_value(&m, h, i, &start);
	m.head.length = m.length;
	if (shape.has_more && m.head.flags & POL_CONTINUED)
		s->continued |= 1 << i;
	at = m.at;
	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX + POL_STRING_MAX)
		return 0;
	*(struct pol_value *)&s->tail[at] = m.head;
	s->offset[i] = at + sizeof(struct pol_value) + start;
	s->length[i] = m.length - start;
	s->end = at + sizeof(struct pol_value) + m.length;
	return 0;
}

/* The same of a number, which wants no more than its room. */
static __noinline int append_number(struct hit *h, u32 i)
{
	struct pol_scratch *s = h->scratch;
	u32 type = shape.arguments[i].type, at = s->end;
	u64 *to;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX)
		return 0;
	to = (void *)&s->tail[at];
	to[0] = i | type << 8 | 8ULL << 32; /* a pol_value */
	to[1] = as_number(get_raw(s, shape.arguments[i].raw), type);
	s->offset[i] = at + sizeof(struct pol_value);
	s->length[i] = 8;
	s->end = at + sizeof(struct pol_value) + 8;
	return 0;
}

static __always_inline void append(struct hit *h, u32 i)
{
	u32 type = shape.arguments[i].type;
	/* What a hook passes is at hand; the end of a way through structures is not. */
	bool is_short = h->scratch->end <= POL_TAIL_MAX - POL_SOME && !shape.resolutions[i].count;

	if (is_number(type) && is_short)
		append_number(h, i);
	else if (!shape.has_kernel_paths || (type != POL_FILE && type != POL_PATH) || !is_short ||
		 !append_kernel_path(h, i))
		append_value(h, i);
}

#endif
