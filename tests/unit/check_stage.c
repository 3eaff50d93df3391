/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage: nodes, services, supervision, networks, data.
 *
 * Every test runs in a process of its own (libcheck forks), makes a slot there
 * and ends with it. Without the right to make user namespaces, or without
 * /dev/net/tun, all tests are skipped and say so.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "conf/target.h"
#include "stage/stage.h"

static char folder[64]; /* of the whole program; removed at its end */

/* ---- a target made by hand ---- */

struct world {
	struct slot *slot;
	struct loop *loop;
	struct target target;
	struct stage *stage;
	struct buf events; /* "started a/x; ready a/x; ..." */
	struct buf log;    /* "a/x: line\n" */
};

static void on_service(void *arg, enum service_event ev, const char *node, const char *service,
		       const char *process, const char *did)
{
	static const char *const names[] = { "started", "ready", "exited", "killed" };
	struct world *w = arg;

	(void)node;
	(void)service;
	buf_printf(&w->events, "%s %s (%s); ", names[ev], process, did);
}

static void on_log(void *arg, const char *node, const char *service, const char *line, size_t len)
{
	struct world *w = arg;

	(void)node;
	buf_printf(&w->log, "%s: %.*s\n", service, (int)len, line);
}

static struct strlist words(const char *first, ...)
{
	struct strlist l = { 0 };
	va_list ap;

	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *)) {
		l.at = xrealloc(l.at, (l.count + 2) * sizeof(*l.at));
		l.at[l.count++] = xstrdup(s);
		l.at[l.count] = NULL;
	}
	va_end(ap);
	return l;
}

#define WORDS(...) words(__VA_ARGS__, (const char *)NULL)

static struct node *add_node(struct world *w, const char *name)
{
	struct target *t = &w->target;

	t->nodes = xrealloc(t->nodes, (t->nodes_count + 1) * sizeof(*t->nodes));
	t->nodes[t->nodes_count] = (struct node){ .name = xstrdup(name), .index = 1 };
	return &t->nodes[t->nodes_count++];
}

static struct service *add_service(struct node *n, const char *name, struct strlist run)
{
	n->services = xrealloc(n->services, (n->services_count + 1) * sizeof(*n->services));
	n->services[n->services_count] = (struct service){
		.name = xstrdup(name), .run = run, .stop_signal = SIGTERM,
		.stop_within = { .ns = 2 * NS_PER_S }, .ready.within = { .ns = 5 * NS_PER_S },
		.restart_delay = { .ns = 0 },
	};
	return &n->services[n->services_count++];
}

static struct service *add_shell(struct node *n, const char *name, const char *script)
{
	return add_service(n, name, WORDS("sh", "-c", script));
}

static void setup(struct world *w)
{
	char *cache = xasprintf("%s/cache", folder);
	struct slot_opts so = { .cache = cache, .keep_net = true };
	struct err e = { 0 };

	*w = (struct world){ 0 };
	w->target.name = xstrdup("t");
	w->target.folder = xstrdup(folder);
	ck_assert_msg(loop_new(&w->loop, &e) == 0, "%s", e.msg);
	ck_assert_msg(slot_new(&w->slot, &so, &e) == 0, "%s", e.msg);
	free(cache);
}

static void open_stage(struct world *w)
{
	char *logs = xasprintf("%s/logs", folder);
	struct stage_opts o = { .target = &w->target, .loop = w->loop, .logs = logs,
				.log_cap = 10000,
				.hooks = { .arg = w, .service = on_service, .log = on_log } };
	struct err e = { 0 };

	ck_assert_msg(stage_open(w->slot, &o, &w->stage, &e) == 0, "%s", e.msg);
	free(logs);
}

static void start(struct world *w)
{
	struct err e = { 0 };

	open_stage(w);
	ck_assert_msg(stage_start(w->stage, &e) == 0, "%s", e.msg);
}

static void stop(struct world *w)
{
	struct err e = { 0 };

	ck_assert_msg(stage_stop(w->stage, &e) == 0, "%s", e.msg);
}

static void finish(struct world *w)
{
	stage_free(w->stage);
	slot_free(w->slot);
	loop_free(w->loop);
}

static void run_for(struct world *w, int64_t ns)
{
	bool never = false;

	loop_run_until(w->loop, &never, clock_now() + ns);
}

/* Run the loop until buf holds the text, 5 s at most. */
static void await(struct world *w, struct buf *b, const char *text)
{
	int64_t by = clock_now() + 5 * NS_PER_S;

	while (!(b->data && strstr(b->data, text))) {
		ck_assert_msg(clock_now() < by, "no \"%s\" in: %s", text, b->data ? b->data : "");
		run_for(w, 2 * NS_PER_MS);
	}
}

static bool said(const struct buf *b, const char *text)
{
	return b->data && strstr(b->data, text);
}

/* ---- tests ---- */

START_TEST(one_service)
{
	struct world w;
	struct node *n;

	setup(&w);
	n = add_node(&w, "store");
	add_shell(n, "hello", "echo host $(hostname) user $(id -un) uid $(id -u) pid $$; "
			      "exec sleep 1000")->ready.log = xstrdup("^host");
	start(&w);
	ck_assert_msg(said(&w.log, "host store user root uid 0"), "%s", w.log.data);
	ck_assert_msg(said(&w.events, "started store/hello/0 (started); ready"), "%s", w.events.data);
	stop(&w);
	ck_assert_msg(said(&w.events, "killed store/hello/0 (killed by SIGTERM)"), "%s", w.events.data);
	ck_assert_ptr_null(stage_misbehaved(w.stage));
	finish(&w);
}
END_TEST

START_TEST(kill_and_restart)
{
	struct world w;
	struct err e = { 0 };
	struct service_state s;

	setup(&w);
	add_shell(add_node(&w, "a"), "x", "sleep 1000 & sleep 1000 & echo up; wait")->restart =
		RESTART_ALWAYS;
	w.target.nodes[0].services[0].ready.log = xstrdup("up");
	start(&w);
	ck_assert_int_eq((int)stage_services(w.stage, "a/*", &s, 1), 1);
	ck_assert(s.running && s.ready && s.main_pid > 0);
	ck_assert_int_eq(stage_signal(w.stage, "a/x", SIGKILL, true, &e), 3);
	await(&w, &w.events, "ready a/x/1");
	ck_assert_msg(said(&w.events, "killed a/x/0 (killed by SIGKILL"), "%s", w.events.data);
	stop(&w);
	ck_assert_ptr_null(stage_misbehaved(w.stage));
	finish(&w);
}
END_TEST

/* ---- the suite ---- */

static void remove_folder(void)
{
	char *command = xasprintf("rm -rf '%s'", folder);

	if (system(command) != 0)
		fprintf(stderr, "could not remove %s\n", folder);
	free(command);
}

int main(void)
{
	Suite *s = suite_create("stage");
	TCase *tc = tcase_create("stage");
	SRunner *sr;
	int failed;

	snprintf(folder, sizeof(folder), "/tmp/check_stage.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return 1;
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_service);
	tcase_add_test(tc, kill_and_restart);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	remove_folder();
	return failed != 0;
}
