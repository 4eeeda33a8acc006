/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a hook passes, by the types that the shape gives it, into the tail of a record. */
#ifndef APUS_POLICY_VALUES_BPF_H
#define APUS_POLICY_VALUES_BPF_H

#include "policy_path_values.bpf.h"
#include "policy_pieces.bpf.h"
#include "policy_socket_values.bpf.h"
#include "policy_structures.bpf.h"

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
		if (!IS_PLAIN)
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
		if (!IS_PLAIN)
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

/*
 * The same of what wants no making. In place: where `i` is a number, nothing is left of what the
 * shape decides. False for what is to be made after all.
 */
static __always_inline bool append_number(struct pol_scratch *s, u32 i, u32 type)
{
	u32 at = s->end;
	u64 *to;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX - POL_SOME)
		return false;
	to = (void *)&s->tail[at];
	to[0] = i | type << 8 | 8ULL << 32; /* a pol_value */
	to[1] = as_number(get_raw(s, shape.arguments[i].raw), type);
	s->offset[i] = at + sizeof(struct pol_value);
	s->length[i] = 8;
	s->end = at + sizeof(struct pol_value) + 8;
	return true;
}

/* Of values that are further behind, or of less simple policies: the program is not to grow with
 * each. */
static __noinline int append_number_apart(struct hit *h, u32 i)
{
	return h && i < POL_VALUES_MAX && append_number(h->scratch, i, shape.arguments[i].type);
}

/* One that can be read to its end. */
static __always_inline bool append_string(struct pol_scratch *s, u32 i)
{
	u32 max = shape.arguments[i].max, at = s->end;
	long length;
	u64 *head;

	asm volatile("" : "+r"(at));
	if (at > POL_TAIL_MAX - POL_SOME)
		return false;
	if (max > POL_STRING_MAX)
		max = POL_STRING_MAX;
	head = (void *)&s->tail[at];
	at += sizeof(*head);
	length = read_string(head + 1, max + 2, get_raw(s, shape.arguments[i].raw),
			     shape.arguments[i].flags);
	if (length <= 0 || length > max + 1)
		return false;
	length -= 1;
	*head = i | POL_STRING << 8 | length << 32; /* a pol_value */
	s->offset[i] = at;
	s->length[i] = length;
	s->end = at + length;
	return true;
}

static __always_inline void append(struct hit *h, u32 i, bool in_place)
{
	u32 type = shape.arguments[i].type;

	/* What a hook passes is at hand; the end of a way through structures is not, nor what could
	 * not be read. */
	if (!shape.resolutions[i].count && !(shape.has_sources && h->scratch->unread)) {
		if (is_number(type) &&
		    (in_place ? append_number(h->scratch, i, type) : append_number_apart(h, i)))
			return;
		if (in_place && type == POL_STRING && append_string(h->scratch, i))
			return;
		if (shape.has_kernel_paths && (type == POL_FILE || type == POL_PATH) &&
		    append_kernel_path(h, i))
			return;
	}
	append_value(h, i);
}

#endif
