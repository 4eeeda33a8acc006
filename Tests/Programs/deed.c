// SPDX-License-Identifier: Apache-2.0
// Does one thing that a policy may watch or forbid. Ends with 0, or with the number of the error
// that it met.
//
//   deed mount TYPE DIRECTORY       fsopen TYPE         fsmount TYPE
//   deed bind FROM TO               remount DIRECTORY   umount DIRECTORY
//   deed setns FILE                 unshare FLAGS       clone|clone3 FLAGS
//   deed open|openat|openat2 FILE [w]                   creat FILE          ring FILE
//   deed write FILE                 rewrite FILE        map FILE
//   deed truncate FILE              ftruncate FILE      empty FILE
//   deed rename|renameat|renameat2|exchange FROM TO
//   deed link|linkat|symlink|symlinkat FROM TO          handle DIRECTORY
//   deed setuid|setreuid|setresuid UID                  regain              capset CAPABILITY 0|1
//   deed init-module|finit-module FILE                  delete-module NAME
//   deed kexec                      bpf                 perf
//   deed connect|fastopen ADDRESS PORT                  unix PATH           shell dup|dup2|dup3
//   deed refused DEED...            ends with 0 if it is not permitted, else with 1
//   deed attempt COUNT STOP DEED... again and again, COUNT times at least and until there is a file
//                                   STOP; says how many of the attempts succeeded and how long each
//                                   took
//
// fsmount looks into a mount that is nowhere in the tree; remount makes writable; ring opens by
// io_uring; write makes a file anew; rewrite writes what is there already, and map the same through
// memory; truncate, ftruncate and empty (by O_TRUNC alone) leave nothing of a file; rename and link
// make FROM first, and link removes TO; handle asks for a file that is not there; regain is an
// ordinary user who becomes root again; unix listens at PATH itself; shell is a reverse shell to a
// listener of its own, which sends it a line to run.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NO_SUCH_DEED = 200 };

static char **arguments;

/* 0 or an error's number, and nothing left open. */
static int ended(long result)
{
	int error = result < 0 ? errno : 0;

	if (result > 2)
		close(result);
	return error;
}

static unsigned long number(int index)
{
	return strtoul(arguments[index], NULL, 0);
}

/* --- Mounts and namespaces --- */

static int mount_type(void)
{
	return ended(mount("none", arguments[1], arguments[0], 0, NULL));
}

static int open_type(void)
{
	return ended(syscall(SYS_fsopen, arguments[0], 0));
}

static int look_into_type(void)
{
	long context = syscall(SYS_fsopen, arguments[0], 0), mount;

	if (context < 0 || syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return errno;
	mount = syscall(SYS_fsmount, context, 0, 0);
	return mount < 0 ? errno : ended(openat(mount, ".", O_RDONLY | O_DIRECTORY));
}

static int bind_mount(void)
{
	return ended(mount(arguments[0], arguments[1], NULL, MS_BIND, NULL));
}

static int make_writable(void)
{
	return ended(mount(NULL, arguments[0], NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int unmount(void)
{
	return ended(umount2(arguments[0], MNT_DETACH));
}

static int enter(void)
{
	int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : ended(setns(fd, 0));
}

static int leave(void)
{
	return ended(unshare(number(0)));
}

static int start_apart(void)
{
	long child = syscall(SYS_clone, number(0) | SIGCHLD, 0, 0, 0, 0);

	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	return waitpid(child, NULL, 0) < 0 ? errno : 0;
}

static int start_apart_3(void)
{
	struct clone_args how = { .flags = number(0), .exit_signal = SIGCHLD };
	long child = syscall(SYS_clone3, &how, sizeof(how));

	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	return waitpid(child, NULL, 0) < 0 ? errno : 0;
}

/* --- Files --- */

static int flags(void)
{
	return O_CLOEXEC | (arguments[1] && *arguments[1] == 'w' ? O_WRONLY : O_RDONLY);
}

static int open_file(void)
{
	return ended(syscall(SYS_open, arguments[0], flags(), 0));
}

static int open_at(void)
{
	return ended(syscall(SYS_openat, AT_FDCWD, arguments[0], flags(), 0));
}

static int open_at_2(void)
{
	struct open_how how = { .flags = flags() };

	return ended(syscall(SYS_openat2, AT_FDCWD, arguments[0], &how, sizeof(how)));
}

/* One entry of each queue, at the offsets that the kernel tells. */
static int open_by_ring(void)
{
	struct io_uring_params p = {};
	long ring = syscall(SYS_io_uring_setup, 1, &p);
	char *sq, *cq;
	struct io_uring_sqe *entry;
	struct io_uring_cqe *result;

	if (ring < 0)
		return errno;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*result), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring, IORING_OFF_CQ_RING);
	entry = mmap(NULL, sizeof(*entry), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		     IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || entry == MAP_FAILED)
		return errno;
	*entry = (struct io_uring_sqe){ .opcode = IORING_OP_OPENAT,
					.fd = AT_FDCWD,
					.addr = (uintptr_t)arguments[0],
					.open_flags = O_RDONLY | O_CLOEXEC };
	*(unsigned *)(sq + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(sq + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return errno;
	result = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
	return result->res < 0 ? -result->res : 0;
}

static int create(void)
{
	return ended(syscall(SYS_creat, arguments[0], 0700));
}

static int put(const char *file, const char *bytes, size_t length, int how)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC | how, 0700), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, bytes, length) < 0)
		error = errno;
	close(fd);
	return error;
}

static int write_file(void)
{
	return put(arguments[0], "x", 1, O_CREAT | O_TRUNC);
}

static int rewrite(void)
{
	char bytes[4096];
	int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	return length < 0 ? errno : put(arguments[0], bytes, length, 0);
}

static int rewrite_by_memory(void)
{
	int fd = open(arguments[0], O_RDWR | O_CLOEXEC);
	char *bytes;

	if (fd < 0)
		return errno;
	bytes = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return errno;
	*(volatile char *)bytes = *bytes;
	return 0;
}

static int truncate_name(void)
{
	return ended(truncate(arguments[0], 0));
}

static int truncate_file(void)
{
	int fd = open(arguments[0], O_WRONLY | O_CLOEXEC);

	return fd < 0 ? errno : ended(ftruncate(fd, 0));
}

static int empty(void)
{
	return ended(open(arguments[0], O_RDONLY | O_TRUNC | O_CLOEXEC));
}

/* Without opening it. */
static int make(const char *file)
{
	return mknod(file, S_IFREG | 0700, 0) < 0 && errno != EEXIST ? errno : 0;
}

static int rename_file(void)
{
	int error = make(arguments[0]);

	return error ? error : ended(syscall(SYS_rename, arguments[0], arguments[1]));
}

static int rename_file_at(void)
{
	int error = make(arguments[0]);

	return error ? error
		     : ended(syscall(SYS_renameat, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1]));
}

static int rename_file_2(void)
{
	int error = make(arguments[0]);

	return error ? error
		     : ended(syscall(SYS_renameat2, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1],
				     0));
}

static int exchange_files(void)
{
	return ended(syscall(SYS_renameat2, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1],
			     2 /* RENAME_EXCHANGE */));
}

static int link_file(void)
{
	int error = make(arguments[0]);

	unlink(arguments[1]);
	return error ? error : ended(syscall(SYS_link, arguments[0], arguments[1]));
}

static int link_file_at(void)
{
	int error = make(arguments[0]);

	unlink(arguments[1]);
	return error ? error
		     : ended(syscall(SYS_linkat, AT_FDCWD, arguments[0], AT_FDCWD, arguments[1],
				     0));
}

static int link_name(void)
{
	unlink(arguments[1]);
	return ended(syscall(SYS_symlink, arguments[0], arguments[1]));
}

static int link_name_at(void)
{
	unlink(arguments[1]);
	return ended(syscall(SYS_symlinkat, arguments[0], AT_FDCWD, arguments[1]));
}

static int open_by_handle(void)
{
	struct {
		struct file_handle head;
		char bytes[8];
	} handle = { .head = { .handle_bytes = 8, .handle_type = 1 } };
	int fd = open(arguments[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;

	if (fd < 0)
		return errno;
	error = ended(open_by_handle_at(fd, &handle.head, O_RDONLY | O_CLOEXEC));
	close(fd);
	return error;
}

/* --- Privileges --- */

/* By the calls themselves: the library makes all threads do it. */
static int set_uid(void)
{
	return ended(syscall(SYS_setuid, number(0)));
}

static int set_real_uid(void)
{
	return ended(syscall(SYS_setreuid, -1, number(0)));
}

static int set_all_uids(void)
{
	return ended(syscall(SYS_setresuid, -1, number(0), -1));
}

static int regain(void)
{
	if (syscall(SYS_setresuid, -1, 1000, -1) < 0)
		return errno;
	return ended(syscall(SYS_setresuid, -1, 0, -1));
}

static int set_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	unsigned capability = number(0);

	if (capability > 63 || syscall(SYS_capget, &header, data) < 0)
		return errno ? errno : EINVAL;
	if (number(1))
		data[capability / 32].effective |= 1U << capability % 32;
	else
		data[capability / 32].effective &= ~(1U << capability % 32);
	return ended(syscall(SYS_capset, &header, data));
}

/* --- The kernel --- */

static int load_module(void)
{
	char bytes[4096];
	int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	return length < 0 ? errno : ended(syscall(SYS_init_module, bytes, length, ""));
}

static int load_module_file(void)
{
	int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : ended(syscall(SYS_finit_module, fd, "", 0));
}

static int unload_module(void)
{
	return ended(syscall(SYS_delete_module, arguments[0], O_NONBLOCK));
}

/* Nothing is loaded: the call has flags that no kernel knows. */
static int load_kernel(void)
{
	return ended(syscall(SYS_kexec_load, 0, 0, NULL, 0xdeadL));
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1
	};

	return ended(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int open_event(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_CPU_CLOCK,
					.exclude_kernel = 1 };

	return ended(syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

/* --- Sockets --- */

static int stream_to(struct sockaddr_storage *to, socklen_t *length)
{
	struct sockaddr_in *four = (struct sockaddr_in *)to;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;

	*to = (struct sockaddr_storage){};
	if (strchr(arguments[0], ':')) {
		*six = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					      .sin6_port = htons(number(1)) };
		inet_pton(AF_INET6, arguments[0], &six->sin6_addr);
		*length = sizeof(*six);
	} else {
		*four = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(number(1)) };
		inet_pton(AF_INET, arguments[0], &four->sin_addr);
		*length = sizeof(*four);
	}
	return socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int connect_to(void)
{
	struct sockaddr_storage to;
	socklen_t length;
	int fd = stream_to(&to, &length);

	return fd < 0 ? errno : ended(connect(fd, (struct sockaddr *)&to, length));
}

static int connect_and_send(void)
{
	struct sockaddr_storage to;
	socklen_t length;
	int fd = stream_to(&to, &length);

	if (fd < 0 ||
	    sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0)
		return errno;
	return 0;
}

static int connect_unix(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", arguments[0]);
	unlink(at.sun_path);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0)
		return errno;
	error = connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? errno : 0;
	close(fd);
	close(listener);
	return error;
}

static int duplicate(int fd, int to)
{
	if (!strcmp(arguments[0], "dup2"))
		return syscall(SYS_dup2, fd, to);
	if (!strcmp(arguments[0], "dup3"))
		return syscall(SYS_dup3, fd, to, 0);
	close(to);
	return dup(fd);
}

static void become_shell(struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)to, sizeof(*to)) < 0)
		_exit(errno);
	for (int i = 0; i < 3; i++)
		if (duplicate(fd, i) < 0)
			_exit(errno);
	execl("/bin/sh", "sh", NULL);
	_exit(errno);
}

static int reverse_shell(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	static const char line[] = "exit 7\n";
	socklen_t length = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, status;
	pid_t child;

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &length) < 0)
		return errno;
	child = fork();
	if (child == 0)
		become_shell(&at);
	fd = accept(listener, NULL, NULL);
	/* Whether somebody is there to read it is seen by the child's end. */
	if (fd < 0 || (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) ||
	    waitpid(child, &status, 0) < 0)
		return errno;
	close(fd);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	/* A shell that may not read the line comes to its end without it. */
	return WEXITSTATUS(status) == 7 ? 0 : EPERM;
}

/* --- Which --- */

static const struct deed {
	const char *name;
	int count; /* of arguments, at least */
	int (*act)(void);
} deeds[] = {
	{ "mount", 2, mount_type },
	{ "fsopen", 1, open_type },
	{ "fsmount", 1, look_into_type },
	{ "bind", 2, bind_mount },
	{ "remount", 1, make_writable },
	{ "umount", 1, unmount },
	{ "setns", 1, enter },
	{ "unshare", 1, leave },
	{ "clone", 1, start_apart },
	{ "clone3", 1, start_apart_3 },
	{ "open", 1, open_file },
	{ "openat", 1, open_at },
	{ "openat2", 1, open_at_2 },
	{ "creat", 1, create },
	{ "ring", 1, open_by_ring },
	{ "write", 1, write_file },
	{ "rewrite", 1, rewrite },
	{ "map", 1, rewrite_by_memory },
	{ "truncate", 1, truncate_name },
	{ "ftruncate", 1, truncate_file },
	{ "empty", 1, empty },
	{ "rename", 2, rename_file },
	{ "renameat", 2, rename_file_at },
	{ "renameat2", 2, rename_file_2 },
	{ "exchange", 2, exchange_files },
	{ "link", 2, link_file },
	{ "linkat", 2, link_file_at },
	{ "symlink", 2, link_name },
	{ "symlinkat", 2, link_name_at },
	{ "handle", 1, open_by_handle },
	{ "setuid", 1, set_uid },
	{ "setreuid", 1, set_real_uid },
	{ "setresuid", 1, set_all_uids },
	{ "regain", 0, regain },
	{ "capset", 2, set_capability },
	{ "init-module", 1, load_module },
	{ "finit-module", 1, load_module_file },
	{ "delete-module", 1, unload_module },
	{ "kexec", 0, load_kernel },
	{ "bpf", 0, make_map },
	{ "perf", 0, open_event },
	{ "connect", 2, connect_to },
	{ "fastopen", 2, connect_and_send },
	{ "unix", 1, connect_unix },
	{ "shell", 1, reverse_shell },
};

static const struct deed *find(int count, char **words)
{
	for (size_t i = 0; count > 0 && i < sizeof(deeds) / sizeof(*deeds); i++)
		if (!strcmp(deeds[i].name, words[0]) && count > deeds[i].count)
			return &deeds[i];
	fprintf(stderr, "deed: no such deed, or not with these arguments\n");
	exit(NO_SUCH_DEED);
}

static int attempt(const struct deed *deed, unsigned long count, const char *stop)
{
	unsigned long attempts = 0, passed = 0;
	struct timespec begin, end;
	struct stat found;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	/* Looking for the file costs as much as an attempt. */
	while (attempts < count || attempts % 16 || stat(stop, &found) < 0) {
		passed += deed->act() == 0;
		attempts++;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lu attempts, %lu passed, %.0f ns each\n", attempts, passed,
	       ((end.tv_sec - begin.tv_sec) * 1e9 + end.tv_nsec - begin.tv_nsec) / attempts);
	return passed != 0;
}

int main(int argc, char **argv)
{
	const struct deed *deed;
	int error;

	if (argc > 4 && !strcmp(argv[1], "attempt")) {
		arguments = argv + 5;
		deed = find(argc - 4, argv + 4);
		return attempt(deed, strtoul(argv[2], NULL, 0), argv[3]);
	}
	if (argc > 2 && !strcmp(argv[1], "refused")) {
		arguments = argv + 3;
		return find(argc - 2, argv + 2)->act() != EPERM;
	}
	arguments = argv + 2;
	deed = find(argc - 1, argv + 1);
	error = deed->act();
	if (error)
		fprintf(stderr, "%s: %s\n", deed->name, error < 128 ? strerror(error) : "killed");
	return error;
}
