// SPDX-License-Identifier: Apache-2.0
// libelf, which libbpf stands on as well: names and offsets in programs and libraries.
#include <gelf.h>
#include <libelf.h>
