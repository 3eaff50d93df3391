/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL on a disk of ours beside PostgreSQL on a tmpfs: transactions a second of pgbench's own
 * mix, four clients, in turns, each a cluster of its own with every setting as it comes. Needs root
 * and Debian's postgresql; says so otherwise. ROUNDS=n for more turns, SECONDS=n for longer ones.
 */
#include <glob.h>
#include <pwd.h>

#include "disk_scene.h"

static char bin[256];
static char seconds[16] = "3";

/* As the user postgres, in the folder we are in; its output when asked for. */
static int as_postgres(const char *command, char *ret, size_t size)
{
	char line[1024];
	size_t n = 0;
	FILE *p;

	snprintf(line, sizeof(line), "runuser -u postgres -- sh -c '%s' 2>&1", command);
	p = popen(line, "re");
	if (!p)
		return -1;
	while (fgets(line, sizeof(line), p))
		if (ret && n < size)
			n += (size_t)snprintf(ret + n, size - n, "%s", line);
	return pclose(p);
}

static double make_cluster(void)
{
	char command[600], said[4000] = "";
	struct passwd *pw = getpwnam("postgres");

	if (!pw || mkdir("pg", 0700) < 0 || chown("pg", pw->pw_uid, pw->pw_gid) < 0)
		return -1;
	snprintf(command, sizeof(command), "%s/initdb -D pg -A trust >/dev/null", bin);
	if (as_postgres(command, said, sizeof(said)) != 0) {
		printf("%s", said);
		return -1;
	}
	return 0;
}

static double transactions(void)
{
	char command[1200], said[8000] = "", *tps;
	int up;

	snprintf(command, sizeof(command), "%s/pg_ctl -D pg -w -t 30 -l log -o \"-c "
		 "listen_addresses= -c unix_socket_directories=$PWD/pg\" start >/dev/null", bin);
	up = as_postgres(command, said, sizeof(said));
	snprintf(command, sizeof(command), "%s/pgbench -h $PWD/pg -q -i -s 4 postgres && "
		 "%s/pgbench -h $PWD/pg -n -c 4 -j 1 -T %s postgres", bin, bin, seconds);
	if (up == 0)
		as_postgres(command, said, sizeof(said));
	snprintf(command, sizeof(command), "%s/pg_ctl -D pg -w -m fast stop >/dev/null", bin);
	as_postgres(command, NULL, 0);
	tps = strstr(said, "tps = ");
	if (!tps)
		printf("%s", said);
	return tps ? atof(tps + 6) : -1;
}

static int rounds(struct scene *s, int n)
{
	static double native[ROUNDS_MAX], ours[ROUNDS_MAX], ratio[ROUNDS_MAX];

	if (scene_measure(s, PLAIN, make_cluster) < 0 || scene_measure(s, OURS, make_cluster) < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		native[i] = scene_measure(s, PLAIN, transactions);
		ours[i] = scene_measure(s, OURS, transactions);
		if (native[i] < 0 || ours[i] < 0)
			return -1;
		ratio[i] = ours[i] / native[i];
	}
	printf("pgbench, 4 clients: %.0f/s on tmpfs, %.0f/s through the disk (medians of %d)\n",
	       median(native, (size_t)n), median(ours, (size_t)n), n);
	quartile_figure("pgbench on tmpfs, transactions through the disk", ratio, (size_t)n,
			"of native", ">=", 0.7);
	return 0;
}

int main(void)
{
	int n = scene_rounds(), failed;
	struct scene s = { 0 };
	struct err e = { 0 };
	glob_t g;

	if (geteuid() != 0 || !getpwnam("postgres") ||
	    glob("/usr/lib/postgresql/*/bin", 0, NULL, &g) != 0) {
		puts("SKIP: needs root and Debian's postgresql (apt-get install postgresql)");
		return 0;
	}
	snprintf(bin, sizeof(bin), "%s", g.gl_pathv[g.gl_pathc - 1]);
	globfree(&g);
	if (getenv("SECONDS"))
		snprintf(seconds, sizeof(seconds), "%d", atoi(getenv("SECONDS")));
	failed = scene_open(&s, &e) < 0 || rounds(&s, n) < 0;
	if (failed)
		printf("bench_disk_postgres: %s\n", e.msg);
	scene_close(&s);
	return failed;
}
