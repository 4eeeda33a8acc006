// SPDX-License-Identifier: Apache-2.0
// The log: one line an event, `time=T level=L <fields>`. Written from signal handlers too, so there
// is no memory allocation, no stdio and no lock that is waited for.
#include "CHook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// A line fits into PIPE_BUF, so that it is written whole or not at all when stderr is a pipe.
#define LINE_MAX_BYTES 4096
// The file stays under 1 MiB. Hooks that write while another is renaming the file need the margin.
#define FILE_MAX_BYTES ((1 << 20) - (64 << 10))

static int log_fd = STDERR_FILENO;
static char log_path[4096];
static char old_path[sizeof(log_path) + 2];

static int open_log_file(void)
{
	const int kind = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | kind, 0600);
	if (fd < 0)
		return -errno;
	struct stat status;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return -APUS_NOT_A_REGULAR_FILE;
	}
	return fd;
}

// The first hook on a node finds no directory. Only the last component is made: a whole path would
// be a typing error.
static void make_directory(void)
{
	char *slash = strrchr(log_path, '/');
	if (slash && slash != log_path) {
		*slash = '\0';
		mkdir(log_path, 0755);
		*slash = '/';
	}
}

int apus_log_open(const char *path)
{
	size_t length = strlen(path);
	if (path[0] != '/' || length >= sizeof(log_path))
		return path[0] == '/' ? ENAMETOOLONG : EINVAL;
	memcpy(log_path, path, length + 1);
	memcpy(old_path, path, length);
	memcpy(old_path + length, ".1", sizeof(".1"));
	int fd = open_log_file();
	if (fd == -ENOENT) {
		make_directory();
		fd = open_log_file();
	}
	if (fd < 0)
		return -fd;
	log_fd = fd;
	return 0;
}

// Keeps one older file. Hooks run side by side: whoever gets the lock renames, the others go on
// with what they have.
static void rotate(void)
{
	struct stat ours, current;
	if (flock(log_fd, LOCK_EX | LOCK_NB) != 0 || fstat(log_fd, &ours) != 0)
		return;
	bool still_current = lstat(log_path, &current) == 0 && current.st_ino == ours.st_ino &&
			     current.st_dev == ours.st_dev;
	if (still_current && rename(log_path, old_path) != 0) {
		ftruncate(log_fd, 0);
		flock(log_fd, LOCK_UN);
		return;
	}
	int old_fd = log_fd, fd = open_log_file();
	if (fd >= 0)
		log_fd = fd;
	else
		log_fd = STDERR_FILENO;
	close(old_fd); // and with it the lock
}

static char *append(char *at, const char *end, const void *bytes, size_t length)
{
	if (length > (size_t)(end - at))
		length = (size_t)(end - at);
	memcpy(at, bytes, length);
	return at + length;
}

static char *append_digits(char *at, unsigned value, int width)
{
	for (int i = width - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + width;
}

// RFC 3339 in UTC. gmtime_r is not on the list of functions that a signal handler may call.
static char *append_time(char *at)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	long days = now.tv_sec / 86400, second = now.tv_sec % 86400;
	// Days to a date: years counted from March, so that the leap day is a year's last.
	long shifted = days + 719468, era = shifted / 146097;
	unsigned of_era = (unsigned)(shifted - era * 146097);
	unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_from_march = (5 * of_year + 2) / 153;
	unsigned day = of_year - (153 * month_from_march + 2) / 5 + 1;
	unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	unsigned year = year_of_era + (unsigned)era * 400 + (month <= 2);

	at = append_digits(at, year, 4);
	*at++ = '-';
	at = append_digits(at, month, 2);
	*at++ = '-';
	at = append_digits(at, day, 2);
	*at++ = 'T';
	at = append_digits(at, (unsigned)(second / 3600), 2);
	*at++ = ':';
	at = append_digits(at, (unsigned)(second / 60 % 60), 2);
	*at++ = ':';
	at = append_digits(at, (unsigned)(second % 60), 2);
	*at++ = '.';
	at = append_digits(at, (unsigned)(now.tv_nsec / 1000000), 3);
	*at++ = 'Z';
	return at;
}

void apus_log_write(const char *level, const uint8_t *fields, size_t length)
{
	char line[LINE_MAX_BYTES];
	char *at = line, *end = line + sizeof(line) - 1;
	at = append(at, end, "time=", 5);
	at = append_time(at);
	at = append(at, end, " level=", 7);
	at = append(at, end, level, strlen(level));
	at = append(at, end, " ", 1);
	at = append(at, end, fields, length);
	*at++ = '\n';

	struct stat status;
	if (log_fd != STDERR_FILENO && fstat(log_fd, &status) == 0 &&
	    status.st_size + (at - line) > FILE_MAX_BYTES)
		rotate();
	apus_write(log_fd, line, (size_t)(at - line));
}

void apus_write(int fd, const void *bytes, size_t length)
{
	// A pipe that nobody empties must not hold a container: with room for PIPE_BUF bytes a line
	// does not block.
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return;
	ssize_t written;
	do
		written = write(fd, bytes, length);
	while (written < 0 && errno == EINTR);
}
