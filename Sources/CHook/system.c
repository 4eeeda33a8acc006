// SPDX-License-Identifier: Apache-2.0
// strerrordesc_np and openat2's structure need _GNU_SOURCE, which must stay out of the header that
// Swift imports.
#define _GNU_SOURCE
#include "CHook.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void apus_open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", O_RDWR | O_NOFOLLOW);
}

static int open_checked(const char *path)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	struct open_how how = { .flags = flags, .resolve = RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	// A seccomp profile older than openat2 answers for it.
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open(path, flags);
	return fd < 0 ? -errno : (int)fd;
}

int apus_open_regular(const char *path)
{
	int fd = open_checked(path);
	if (fd < 0)
		return fd;
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -APUS_NOT_A_REGULAR_FILE;
	}
	return fd;
}

long apus_read(int fd, void *buffer, size_t capacity)
{
	for (;;) {
		ssize_t count = read(fd, buffer, capacity);
		if (count >= 0)
			return count;
		if (errno == EAGAIN) {
			struct pollfd ready = { .fd = fd, .events = POLLIN };
			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

int apus_send_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	while (length > 0) {
		ssize_t count = send(fd, at, length, MSG_NOSIGNAL);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		at += count;
		length -= (size_t)count;
	}
	return 0;
}

int apus_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, length);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int result;
	do
		result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	while (result < 0 && errno == EINTR);
	if (result < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

void apus_close(int fd)
{
	close(fd);
}

bool apus_own_file_is_writable_by_others(void)
{
	struct stat status;
	return stat("/proc/self/exe", &status) == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

const char *apus_error_text(int error)
{
	if (error == APUS_UNSAFE_DIRECTORY)
		return "the directory must be root's, and writable by nobody else";
	if (error == APUS_SPOOL_IS_FULL)
		return "the directory is full";
	if (error == APUS_NOT_A_REGULAR_FILE)
		return "not a regular file";
	if (error == ELOOP)
		return "it is a symbolic link, or leads through too many";
	const char *text = strerrordesc_np(error);
	return text ? text : "unknown error";
}

uint64_t apus_clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
