// SPDX-License-Identifier: Apache-2.0
// libbpf, and beside it what its 1.1 does not do for us: the memory operations of a ring reader of
// our own.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint64_t apus_load_acquire_64(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}
static inline uint32_t apus_load_acquire_32(const uint32_t *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}
static inline void apus_store_64(uint64_t *to, uint64_t value)
{
	__atomic_store_n(to, value, __ATOMIC_SEQ_CST);
}
static inline void apus_store_32(uint32_t *to, uint32_t value)
{
	__atomic_store_n(to, value, __ATOMIC_SEQ_CST);
}
static inline uint32_t apus_exchange_32(uint32_t *at, uint32_t value)
{
	return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
}
static inline void apus_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// Inline functions of btf.h's that Swift can call, macros that it cannot.
static inline bool apus_btf_is_typedef(const struct btf_type *t)
{
	return btf_is_typedef(t);
}
static inline uint32_t apus_btf_referred(const struct btf_type *t)
{
	return t->type;
}
static inline uint32_t apus_btf_members(const struct btf_type *t)
{
	return btf_vlen(t);
}
static inline const struct btf_enum *apus_btf_enumerators(const struct btf_type *t)
{
	return btf_enum(t);
}
// Of a type that is being made: btf.h shows it as constant, and means that of one that is read.
static inline struct btf_member *apus_btf_member(const struct btf_type *t)
{
	return (struct btf_member *)btf_members(t);
}
static inline struct btf_array *apus_btf_array(const struct btf_type *t)
{
	return (struct btf_array *)btf_array(t);
}
static inline void apus_btf_refer(const struct btf_type *t, uint32_t id)
{
	((struct btf_type *)t)->type = id;
}
static inline const struct btf_param *apus_btf_parameters(const struct btf_type *t)
{
	return btf_params(t);
}
static inline uint32_t apus_btf_bit_offset(const struct btf_type *t, uint32_t member)
{
	return btf_member_bit_offset(t, member);
}
static inline uint32_t apus_btf_bits(const struct btf_type *t, uint32_t member)
{
	return btf_member_bitfield_size(t, member);
}
static inline uint8_t apus_btf_int_encoding(const struct btf_type *t)
{
	return btf_int_encoding(t);
}
static inline uint16_t apus_btf_kind(const struct btf_type *t)
{
	return btf_kind(t);
}
static const uint32_t apus_btf_kind_typedef = BTF_KIND_TYPEDEF, apus_btf_kind_enum = BTF_KIND_ENUM,
		      apus_btf_kind_struct = BTF_KIND_STRUCT, apus_btf_kind_func = BTF_KIND_FUNC;
