// SPDX-License-Identifier: Apache-2.0
// The spool: what the agent could not be told now is left for its next start. Written from signal
// handlers too (a time-out ends there), so there is no memory allocation and no stdio.
#define _GNU_SOURCE
#include "CHook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 1000

// Volatile, so that a handler that sees the directory sees the rest.
static const char *volatile directory; // NULL: nothing is spooled
static const char *volatile file_name;
static const void *volatile request;
static volatile size_t request_length;

void apus_spool_prepare(const uint8_t *path, const uint8_t *name, const uint8_t *bytes,
			size_t length)
{
	directory = NULL;
	file_name = (const char *)name;
	request = bytes;
	request_length = length;
	directory = (const char *)path;
}

bool apus_spool_is_prepared(void)
{
	return directory != NULL;
}

// Root's, and nobody else's to write: the agent believes what it finds there.
static int open_directory(void)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat status;
	if (fstat(fd, &status) != 0 || status.st_uid != 0 ||
	    (status.st_mode & (S_IWGRP | S_IWOTH))) {
		close(fd);
		return -APUS_UNSAFE_DIRECTORY;
	}
	return fd;
}

static bool has_room(int directory_fd)
{
	static char entries[16 << 10] __attribute__((aligned(8)));
	int count = -2; // . and ..
	for (;;) {
		long length = syscall(SYS_getdents64, directory_fd, entries, sizeof(entries));
		if (length <= 0)
			return length == 0;
		for (long at = 0; at < length;) {
			at += ((struct dirent64 *)(entries + at))->d_reclen;
			if (++count >= FILES_MAX)
				return false;
		}
	}
}

static int write_all(int fd)
{
	const char *at = request;
	size_t left = request_length;
	while (left > 0) {
		ssize_t count = write(fd, at, left);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		at += count;
		left -= (size_t)count;
	}
	return 0;
}

static char *append_number(char *at, uint64_t value)
{
	do
		*at++ = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	return at;
}

// Under a name that the agent takes for unfinished, until it is whole.
static int write_file(int directory_fd)
{
	char temporary[64] = ".", *at = temporary + 1;
	at = append_number(at, (uint64_t)getpid());
	*at++ = '-';
	at = append_number(at, apus_clock_us());
	*at = '\0';
	int fd = openat(directory_fd, temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	// The runtime's umask may take more away.
	int error = fchmod(fd, 0600) != 0 ? -errno : write_all(fd);
	close(fd);
	if (error == 0 && renameat(directory_fd, temporary, directory_fd, file_name) != 0)
		error = -errno;
	if (error != 0)
		unlinkat(directory_fd, temporary, 0);
	return error;
}

int apus_spool_write(void)
{
	int fd = open_directory();
	if (fd < 0)
		return -fd;
	int error = has_room(fd) ? write_file(fd) : -APUS_SPOOL_IS_FULL;
	close(fd);
	// An alarm from here on finds nothing left to do.
	directory = NULL;
	return -error;
}
