/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL with a filter beside PostgreSQL without: transactions a second of pgbench's own mix,
 * four clients, in turns, on one cluster in memory, where a system call is what there is to wait
 * for. The filter is that of a fault on connect(), which a server never calls, so nothing but its
 * forks is asked about. Needs root and Debian's postgresql; says so otherwise. ROUNDS=n, SECONDS=n.
 */
#include <glob.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <sys/stat.h>

#include "bench.h"
#include "tests/unit/calls_kit.h"

#define ROUNDS_MAX 51

static char bin[256], dir[64];
static const struct passwd *owner;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool become_owner(void)
{
	return setgroups(0, NULL) == 0 && setgid(owner->pw_gid) == 0 &&
	       setuid(owner->pw_uid) == 0;
}

/* What is said goes to `log`; "%s" of the command are bin and dir. */
static int run(const char *what, char *ret, size_t size)
{
	char line[1200];
	size_t n = 0;
	FILE *p;

	snprintf(line, sizeof(line), "runuser -u postgres -- sh -c 'cd %s && B=%s; %s' 2>&1", dir,
		 bin, what);
	p = popen(line, "re");
	while (p && fgets(line, sizeof(line), p))
		if (ret && n + 1 < size)
			n += (size_t)snprintf(ret + n, size - n, "%s", line);
	return p ? pclose(p) : -1;
}

static int server(void *arg)
{
	char program[300], data[100];

	(void)arg;
	snprintf(program, sizeof(program), "%s/postgres", bin);
	snprintf(data, sizeof(data), "%s/pg", dir);
	if (!freopen("/dev/null", "w", stderr) || !become_owner() || chdir(dir) < 0)
		return 97;
	prctl(PR_SET_DUMPABLE, 1);
	execl(program, program, "-D", data, "-c", "listen_addresses=", "-c",
	      "unix_socket_directories=.", NULL);
	return 98;
}

static double transactions(pid_t pid)
{
	static char said[8000];
	char command[300], *tps;

	said[0] = '\0';
	snprintf(command, sizeof(command), "i=0; until $B/pg_isready -q -h %s/pg; do i=$((i+1)); "
		 "[ $i -lt 2000 ] || exit 1; done; "
		 "$B/pgbench -h %s/pg -n -c 4 -j 1 -T %s postgres", dir, dir,
		 getenv("SECONDS") ? getenv("SECONDS") : "3");
	run(command, said, sizeof(said));
	kill(pid, SIGINT); /* its fast shutdown */
	kit_end(pid);
	tps = strstr(said, "tps = ");
	if (!tps)
		printf("%s", said);
	return tps ? atof(tps + 6) : -1;
}

static double bare(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(server(NULL));
	return transactions(pid);
}

static double filtered(uint64_t *ret_calls)
{
	struct calls_facts f = { 0 };
	struct kit k = { 0 };
	struct err e;
	double tps;

	kit_watch(&k, "connect");
	if (kit_open(&k, &e) < 0)
		return -1;
	tps = transactions(kit_start(&k, server, NULL));
	calls_facts(k.calls, &f, 1);
	*ret_calls = f.calls;
	kit_close(&k);
	return tps;
}

static int rounds(int n)
{
	static double plain[ROUNDS_MAX], ratio[ROUNDS_MAX];
	uint64_t calls = 0;

	for (int i = 0; i < n; i++) {
		double f = i % 2 ? filtered(&calls) : 0; /* neither is always the first */

		plain[i] = bare();
		f = i % 2 ? f : filtered(&calls);
		if (plain[i] <= 0 || f <= 0)
			return -1;
		ratio[i] = f / plain[i];
	}
	qsort(plain, (size_t)n, sizeof(*plain), by_value);
	qsort(ratio, (size_t)n, sizeof(*ratio), by_value);
	printf("pgbench, 4 clients: %.0f/s without a filter; %" PRIu64 " calls with one were "
	       "asked about\n", plain[n / 2], calls);
	figure("pgbench with a filter that nothing matches, to without", ratio[n / 2], "x", ">=",
	       0.95, ratio[n / 4], ratio[n * 3 / 4]);
	return 0;
}

int main(void)
{
	int n = getenv("ROUNDS") ? atoi(getenv("ROUNDS")) : 7, r = 1;
	char gone[100];
	glob_t found;

	owner = getpwnam("postgres");
	if (geteuid() != 0 || !owner || glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0) {
		printf("SKIP: needs root and postgresql (apt-get install postgresql)\n");
		return 0;
	}
	snprintf(bin, sizeof(bin), "%s", found.gl_pathv[found.gl_pathc - 1]);
	snprintf(dir, sizeof(dir), "/dev/shm/wd-pg-XXXXXX");
	n = n < 1 ? 1 : n > ROUNDS_MAX ? ROUNDS_MAX : n;
	if (!mkdtemp(dir) || chown(dir, owner->pw_uid, owner->pw_gid) < 0)
		return 1;
	if (run("$B/initdb -D pg -A trust >/dev/null && $B/pg_ctl -D pg -w -l log -o \"-c "
		"listen_addresses= -c unix_socket_directories=.\" start >/dev/null && "
		"{ $B/pgbench -h $PWD/pg -q -i -s 4 postgres >/dev/null; made=$?; "
		"$B/pg_ctl -D pg -w -m fast stop >/dev/null && [ $made = 0 ]; }", NULL, 0) == 0)
		r = rounds(n) < 0;
	snprintf(gone, sizeof(gone), "rm -rf '%s'", dir);
	return system(gone) != 0 || r;
}
