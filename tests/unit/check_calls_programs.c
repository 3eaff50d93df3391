/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that nobody can recompile or preload into: dynamic, static, musl and Go binaries meet a
 * fault, and are as before when it is healed; and all sorts of software does its ordinary work with
 * every fault on every call armed at a chance of nothing. Skipped one by one where a compiler or
 * the software is not installed.
 */
#include <check.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include "tests/unit/calls_kit.h"
#include "tests/unit/suite.h"

#define POSTGRES "/usr/lib/postgresql/15/bin/postgres"

static char dir[256];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/wd-programs-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert(mkdtemp(dir) && chmod(dir, 0755) == 0);
}

static void teardown(void)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* ---- binaries ---- */

static const struct {
	const char *name, *tool, *build; /* build: %1$s the folder */
} binaries[] = {
	{ "dynamic", "gcc", "gcc -pthread -o %1$s/sync tests/unit/calls/sync.c" },
	{ "static", "gcc", "gcc -static -pthread -o %1$s/sync tests/unit/calls/sync.c" },
	{ "musl", "musl-gcc", "musl-gcc -static -pthread -o %1$s/sync tests/unit/calls/sync.c" },
	{ "go", "go", "HOME=%1$s GOCACHE=%1$s/cache GOFLAGS=-mod=mod GO111MODULE=off "
	  "CGO_ENABLED=0 go build -o %1$s/sync tests/unit/calls/sync.go" },
};

static bool there(const char *tool)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "command -v %s >/dev/null 2>&1", tool);
	return system(cmd) == 0;
}

static int runs(void *arg)
{
	char program[300], path[300];

	(void)arg;
	snprintf(program, sizeof(program), "%s/sync", dir);
	snprintf(path, sizeof(path), "%s/store.db", dir);
	execl(program, program, path, NULL);
	return 98;
}

START_TEST(a_binary_meets_a_fault)
{
	struct calls_rule r = kit_rule("fsync", CALLS_FAIL);
	struct kit k = { 0 };
	struct err e = { 0 };
	char cmd[600];
	unsigned id;

	if (!there(binaries[_i].tool)) {
		printf("# SKIP %s: no %s\n", binaries[_i].name, binaries[_i].tool);
		return;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(cmd, sizeof(cmd), binaries[_i].build, dir);
#pragma GCC diagnostic pop
	ck_assert_msg(system(cmd) == 0, "%s", cmd);
	kit_watch(&k, "fsync");
	ck_assert_msg(kit_open(&k, &e) == 0, "%s", e.msg);
	snprintf(r.path, sizeof(r.path), "store.db");
	ck_assert_int_eq(kit_end(kit_start(&k, runs, NULL)), 0);
	id = kit_arm(&k, &r);
	ck_assert_int_eq(kit_end(kit_start(&k, runs, NULL)), EIO);
	kit_heal(&k, id);
	ck_assert_int_eq(k.hits, 1);
	ck_assert_str_eq(k.last.process, "store/pos/1");
	ck_assert_int_eq(kit_end(kit_start(&k, runs, NULL)), 0);
	kit_close(&k);
}
END_TEST

/* ---- ordinary work ---- */

static const struct {
	const char *name, *needs, *script; /* $0: the folder */
} works[] = {
	{ "shell", "sh", "cd $0 && echo a >a && cat a a | wc -l | grep -q 2 && (ls / & wait) | "
	  "grep -q usr && sync -d a && mv a b && rm b" },
	{ "python", "python3", "cd $0 && python3 -c '"
	  "import sqlite3, socket, threading, subprocess, tempfile\n"
	  "d = sqlite3.connect(\"p.db\"); d.execute(\"create table t (n)\")\n"
	  "for i in range(50): d.execute(\"insert into t values (?)\", (i,)); d.commit()\n"
	  "s = socket.create_server((\"127.0.0.1\", 0))\n"
	  "t = threading.Thread(target=lambda: s.accept()[0].sendall(b\"hello\")); t.start()\n"
	  "c = socket.create_connection(s.getsockname())\n"
	  "assert c.recv(5) == b\"hello\"; t.join()\n"
	  "assert subprocess.check_output([\"echo\", \"x\"]) == b\"x\\n\"\n"
	  "assert d.execute(\"select count(*) from t\").fetchone() == (50,)'" },
	{ "node", "node", "cd $0 && node -e '"
	  "const h = require(\"http\"), fs = require(\"fs\");\n"
	  "const s = h.createServer((q, r) => r.end(\"hello\")).listen(0, \"127.0.0.1\", () =>\n"
	  " h.get({ port: s.address().port }, r => r.on(\"data\", d => {\n"
	  "  fs.writeFileSync(\"n\", d); fs.fsyncSync(fs.openSync(\"n\", \"r+\"));\n"
	  "  process.exit(fs.readFileSync(\"n\", \"utf8\") === \"hello\" ? 0 : 1); })));'" },
	{ "php", "php", "cd $0 && php -r 'file_put_contents(\"h\", \"x\"); exit((int)"
	  "(file_get_contents(\"h\") !== \"x\"));'" },
	{ "postgres", POSTGRES, "cd $0 && ${1%/*}/initdb -D pg -A trust >/dev/null && "
	  "echo 'create table t (n int); insert into t select generate_series(1, 1000); "
	  "select count(*) from t' | $1 --single -D pg postgres | grep -q 1000" },
};

static int works_as(void *arg)
{
	int i = *(int *)arg;
	bool postgres = !strcmp(works[i].needs, POSTGRES); /* it will not run as root */
	const struct passwd *pw = postgres ? getpwnam("postgres") : NULL;

	if (postgres && (!pw || chown(dir, pw->pw_uid, pw->pw_gid) < 0 ||
			 setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 ||
			 setuid(pw->pw_uid) < 0))
		return 97;
	prctl(PR_SET_DUMPABLE, 1);
	execl("/bin/sh", "sh", "-ec", works[i].script, dir, POSTGRES, NULL);
	return 98;
}

START_TEST(ordinary_work)
{
	struct kit k = { 0 };
	struct err e = { 0 };
	struct calls_facts f;
	int which = _i;

	if (!there(works[_i].needs)) {
		printf("# SKIP %s: not installed\n", works[_i].name);
		return;
	}
	k.watches = 1;
	k.watch[0].nodes[0] = 1;
	for (unsigned i = 0; i < calls_count; i++)
		k.watch[0].calls.bits[i / 64] |= UINT64_C(1) << (i % 64);
	ck_assert_msg(kit_open(&k, &e) == 0, "%s", e.msg);
	for (int effect = 0; effect < CALLS_EFFECTS; effect++) {
		struct calls_rule r = kit_rule("write", effect);

		r.calls = k.watch[0].calls;
		r.chance = 0;
		r.fault = effect;
		r.delay_ns = NS_PER_S;
		kit_arm(&k, &r);
	}
	ck_assert_int_eq(kit_end(kit_start(&k, works_as, &which)), 0);
	ck_assert_int_eq(k.hits, 0);
	ck_assert_int_eq(calls_facts(k.calls, &f, 1), 1);
	ck_assert_int_gt(f.calls, 50);
	ck_assert_int_eq(f.altered, 0);
	kit_close(&k);
}
END_TEST

static bool can(void)
{
	char words[200];
	struct err e = { 0 };

	if (calls_try(words, sizeof(words), &e) == 0 && geteuid() == 0)
		return true;
	printf("# SKIP supervisor: %s\n", e.code ? e.msg : "needs root");
	return false;
}

int main(void)
{
	Suite *s = suite_create("calls_programs");
	TCase *t = tcase_create("programs");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	if (can()) {
		tcase_add_loop_test(t, a_binary_meets_a_fault, 0,
				    sizeof(binaries) / sizeof(binaries[0]));
		tcase_add_loop_test(t, ordinary_work, 0, sizeof(works) / sizeof(works[0]));
	}
	suite_add_tcase(s, t);
	return suite_main(s);
}
