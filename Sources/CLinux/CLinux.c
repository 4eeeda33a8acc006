// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

const uint64_t apus_magic_cgroup2 = CGROUP2_SUPER_MAGIC, apus_magic_cgroup1 = CGROUP_SUPER_MAGIC,
	       apus_magic_bpf = BPF_FS_MAGIC;

uint64_t apus_cgroup_id(int directory_fd, const char *path)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h = { .handle.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;
	uint64_t id;

	if (name_to_handle_at(directory_fd, path, &h.handle, &mount_id,
			      *path ? 0 : AT_EMPTY_PATH) != 0)
		return 0;
	if (h.handle.handle_bytes < sizeof(id)) {
		errno = EOPNOTSUPP;
		return 0;
	}
	memcpy(&id, h.handle.f_handle, sizeof(id));
	return id;
}

uint64_t apus_filesystem_type(const char *path)
{
	struct statfs s;
	return statfs(path, &s) == 0 ? (uint64_t)s.f_type : 0;
}

void apus_name_thread(const char *name)
{
	char short_name[16];
	strncpy(short_name, name, sizeof(short_name) - 1);
	short_name[sizeof(short_name) - 1] = 0;
	pthread_setname_np(pthread_self(), short_name);
}

int apus_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int apus_detached_mount(const char *filesystem)
{
	int context = fsopen(filesystem, FSOPEN_CLOEXEC);
	int mount = -1, error;

	if (context < 0)
		return -1;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	error = errno;
	close(context);
	errno = error;
	return mount;
}

int apus_memory_file(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC);
}

int apus_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}
