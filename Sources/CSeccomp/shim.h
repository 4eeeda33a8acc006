// SPDX-License-Identifier: Apache-2.0
// libseccomp: the numbers that system calls have in each ABI. (No `link` line: whose target needs
// it names the archive, so that dist/ runs where Debian's shared library is not.)
#include <seccomp.h>

static const uint32_t apus_arch_x86 = SCMP_ARCH_X86, apus_arch_x86_64 = SCMP_ARCH_X86_64,
		      apus_arch_arm = SCMP_ARCH_ARM, apus_arch_aarch64 = SCMP_ARCH_AARCH64;
