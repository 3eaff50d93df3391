// SPDX-License-Identifier: Apache-2.0
/*
 * The script driver: a long-lived process in any language beside each lane
 * (or one for all, `at:`), one JSON object per line. SCRIPT.md is its
 * documentation for people.
 *
 * Theory of operation. A request carries an id; the reply with that id may
 * come in any order. A cancelled or timed out ask is forgotten, its reply is
 * counted as late and ignored. When the process dies, everything in flight is
 * unknown, and it is started again: at once, then after 0.1, 0.2, ... 5 s. A
 * line that is no JSON object, too long or without an id that is in flight
 * says nothing about any ask and is only counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include "crowd/driver_script.h"
#include "crowd/trace.h"

#define LINE_MAX_BYTES (1 << 20)
#define BACKLOG_MAX_BYTES (4 << 20) /* unread requests: the process hangs */
#define BACKOFF_NS_MIN (100 * NS_PER_MS)
#define BACKOFF_NS_MAX (5 * NS_PER_S)

#define PROC_OF(member, ptr)                                                                       \
	((struct proc *)(void *)((char *)(ptr) - offsetof(struct proc, member)))

struct script;

/* struct pend - an ask that waits for its reply. */
struct pend {
	struct pend *next;
	struct ask *ask; /* borrowed */
	struct proc *proc;
	int64_t id;
};

struct proc {
	struct script *script;
	char *node; /* owned */
	int in, out, pidfd;
	struct loop_fd in_fd, out_fd, pid_fd;
	struct loop_timer restart;
	struct buf send, recv;
	struct pend *pending;
	int64_t backoff_ns;
	bool up;
};

struct script {
	struct driver_init init;
	const struct driver *conf;
	struct proc *procs; /* owned */
	unsigned procs_count;
	unsigned *of_lane;  /* owned: lane → proc */
	bool can[ACTIONS_COUNT];
	struct pend *free;
	struct script_counts n;
	int64_t id;
};

/* ---- trace ---- */

static struct trace trace_of(const struct script *s, const struct ask *a)
{
	return (struct trace){ s->init.opts, s->init.lanes[a->lane], a };
}

/* What concerns no ask is said at every lane that the process works for. */
static void proc_note(const struct proc *p, const char *words, const char *text, size_t len)
{
	const struct script *s = p->script;

	for (unsigned i = 0; trace_on(s->init.opts) && i < s->init.lanes_count; i++) {
		struct trace t = { s->init.opts, s->init.lanes[i], NULL };

		if (p == &s->procs[s->of_lane[i]])
			trace_note(&t, words, text, len);
	}
}

/* ---- pending asks ---- */

static struct pend *pend_add(struct proc *p, struct ask *a)
{
	struct script *s = p->script;
	struct pend *x = s->free;

	if (x)
		s->free = x->next;
	else
		x = xmalloc(sizeof(*x));
	*x = (struct pend){ .next = p->pending, .ask = a, .proc = p, .id = ++s->id };
	p->pending = x;
	a->priv = x;
	return x;
}

static void pend_drop(struct pend *x)
{
	struct proc *p = x->proc;
	struct pend **at = &p->pending;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	x->ask->priv = NULL;
	x->next = p->script->free;
	p->script->free = x;
}

static struct pend *pend_find(struct proc *p, int64_t id)
{
	for (struct pend *x = p->pending; x; x = x->next) {
		if (x->id == id)
			return x;
	}
	return NULL;
}

static void proc_lost(struct proc *p, const char *why)
{
	int64_t now = clock_now();

	/* whoever is answered may ask again: that fails at once, since !up */
	while (p->pending) {
		struct ask *a = p->pending->ask;

		pend_drop(p->pending);
		if (trace_on(p->script->init.opts)) {
			struct trace t = trace_of(p->script, a);

			trace_outcome(&t, TOLD_UNKNOWN, why);
		}
		answer_unknown(a, true, now, why);
	}
}

/* ---- the process ---- */

static void proc_start(struct proc *p);

static void close_fd(struct loop *l, struct loop_fd *f, int *fd)
{
	if (*fd < 0)
		return;
	loop_fd_set(l, f, 0);
	close(*fd);
	*fd = -1;
}

/* It may be our child or somebody else's; in the latter case there is nothing to reap. */
static void proc_end(struct proc *p)
{
	struct loop *l = p->script->init.opts->loop;
	siginfo_t si;

	if (p->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
		if (waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0)
			(void)waitid(P_PIDFD, (id_t)p->pidfd, &si, WEXITED);
	}
	close_fd(l, &p->in_fd, &p->in);
	close_fd(l, &p->out_fd, &p->out);
	close_fd(l, &p->pid_fd, &p->pidfd);
	buf_reset(&p->send);
	buf_reset(&p->recv);
	p->up = false;
}

static void proc_died(struct proc *p, const char *why)
{
	if (!p->up)
		return;
	proc_end(p);
	p->script->n.deaths++;
	proc_note(p, why, NULL, 0);
	loop_timer_at(p->script->init.opts->loop, &p->restart, clock_now() + p->backoff_ns);
	p->backoff_ns = p->backoff_ns ? p->backoff_ns * 2 : BACKOFF_NS_MIN;
	if (p->backoff_ns > BACKOFF_NS_MAX)
		p->backoff_ns = BACKOFF_NS_MAX;
	proc_lost(p, why);
}

static void restart_fire(struct loop_timer *t, int64_t now_ns)
{
	(void)now_ns;
	proc_start(PROC_OF(restart, t));
}

/* ---- replies ---- */

static char *text_of(const struct json_val *v)
{
	return v->type == JSON_STRING || v->type == JSON_NUMBER ? json_dup(v) : NULL;
}

static int outcome_of(const struct json_val *v)
{
	for (int i = 0; i < OUTCOMES_COUNT; i++) {
		if (json_key_is(v, outcome_names[i]))
			return i;
	}
	return -1;
}

/* What the reply says, or why it says nothing: *ret_bad. Texts are owned by the caller. */
static void read_answer(const struct json_val *o, const struct ask *ask, struct answer *a,
			const char **ret_bad)
{
	struct json_val outcome = json_get(o, "outcome"), key = json_get(o, "key");
	struct json_val total = json_get(o, "total"), offline = json_get(o, "offline");
	struct json_val receipt = json_get(o, "receipt"), currency = json_get(o, "currency");
	struct json_val error = json_get(o, "error");

	a->outcome = outcome.type == JSON_STRING ? outcome_of(&outcome) : -1;
	if (a->outcome < 0)
		*ret_bad = "reply without a valid outcome";
	else if (key.type == JSON_STRING && !json_key_is(&key, ask->key ? ask->key : ""))
		*ret_bad = "reply with another sale's key";
	else if (total.type == JSON_NUMBER && json_int64(&total, &a->total) < 0)
		*ret_bad = "reply whose total is not a whole number of minor units";
	a->offline = json_true(&offline);
	a->receipt = text_of(&receipt);
	a->currency = text_of(&currency);
	a->error = text_of(&error);
}

static void free_text(const char *s)
{
	union {
		const char *c;
		char *p;
	} u = { .c = s };

	free(u.p);
}

static void reply_line(struct proc *p, const char *line, size_t len, int64_t at_ns)
{
	struct script *s = p->script;
	struct answer a = { .at_ns = at_ns, .total = -1 };
	const char *bad = NULL;
	struct json_val o, idv;
	struct pend *x = NULL;
	struct ask *ask;
	int64_t id;

	if (json_parse(line, len, &o, NULL) < 0 || o.type != JSON_OBJECT) {
		s->n.garbage++;
		proc_note(p, "the script wrote a line that is no JSON object:", line, len);
		return;
	}
	idv = json_get(&o, "id");
	if (idv.type == JSON_NUMBER && json_int64(&idv, &id) == 0)
		x = pend_find(p, id);
	if (!x) {
		*(idv.type == JSON_NUMBER ? &s->n.late : &s->n.garbage) += 1;
		proc_note(p, idv.type == JSON_NUMBER ?
			  "the script answered what nobody waits for:" :
			  "the script wrote a reply without an id:", line, len);
		return;
	}
	ask = x->ask;
	pend_drop(x);
	p->backoff_ns = 0;
	read_answer(&o, ask, &a, &bad);
	if (trace_on(s->init.opts)) {
		struct trace t = trace_of(s, ask);

		trace_line(&t, '<', line, len);
		trace_outcome(&t, bad ? TOLD_UNKNOWN : a.outcome, bad ? bad : a.error);
	}
	if (bad)
		answer_unknown(ask, false, at_ns, bad);
	else
		ask->answered(ask, &a);
	free_text(a.receipt);
	free_text(a.currency);
	free_text(a.error);
}

/* Lines are taken one at a time: an answer may end the process, and recv with it. */
static void take_lines(struct proc *p, int64_t at_ns)
{
	size_t from = 0;

	while (p->up && from < p->recv.len) {
		const char *start = p->recv.data + from;
		const char *nl = memchr(start, '\n', p->recv.len - from);

		if (!nl)
			break;
		from += (size_t)(nl - start) + 1;
		if (nl > start)
			reply_line(p, start, (size_t)(nl - start), at_ns);
	}
	if (p->up)
		buf_drop_front(&p->recv, from);
}

/* One chunk; false when there is nothing more for now, or ever. */
static bool read_some(struct proc *p)
{
	char chunk[16384];
	ssize_t n = read(p->out, chunk, sizeof(chunk));
	int64_t now = clock_now();

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		proc_died(p, "the driver script went away");
		return false;
	}
	buf_add(&p->recv, chunk, (size_t)n);
	take_lines(p, now);
	if (p->up && p->recv.len > LINE_MAX_BYTES)
		proc_died(p, "the driver script wrote an endless line");
	return p->up;
}

static void out_ready(struct loop_fd *f, uint32_t events)
{
	(void)events;
	read_some(PROC_OF(out_fd, f));
}

/* It is dead, though somebody else may hold its pipe: what it has said still counts. */
static void pid_ready(struct loop_fd *f, uint32_t events)
{
	struct proc *p = PROC_OF(pid_fd, f);

	(void)events;
	while (read_some(p))
		;
	proc_died(p, "the driver script went away");
}

/* ---- requests ---- */

static void proc_flush(struct proc *p)
{
	struct loop *l = p->script->init.opts->loop;

	while (p->send.len) {
		ssize_t n = write(p->in, p->send.data, p->send.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break; /* EAGAIN: later. EPIPE: its end shows on out */
		buf_drop_front(&p->send, (size_t)n);
	}
	loop_fd_set(l, &p->in_fd, p->send.len && p->send.len < BACKLOG_MAX_BYTES ? EPOLLOUT : 0);
}

static void in_ready(struct loop_fd *f, uint32_t events)
{
	struct proc *p = PROC_OF(in_fd, f);

	if (events & (EPOLLERR | EPOLLHUP))
		loop_fd_set(p->script->init.opts->loop, f, 0); /* EOF on out says the rest */
	else
		proc_flush(p);
}

static void opt_str(struct json_out *o, const char *key, const char *value)
{
	if (value)
		json_str(o, key, value);
}

static void write_request(struct proc *p, int64_t id, const struct ask *a)
{
	struct script *s = p->script;
	struct json_out o = { .buf = &p->send };

	json_obj(&o, NULL);
	json_i64(&o, "id", id);
	json_str(&o, "op", action_names[a->action]);
	opt_str(&o, "key", a->key);
	json_str(&o, "lane", s->init.lanes[a->lane]);
	json_i64(&o, "deadline_ms", s->init.deadline_ms);
	json_i64(&o, "attempt", a->attempt);
	if (a->shopper >= 0)
		json_i64(&o, "shopper", a->shopper);
	opt_str(&o, "of", a->of);
	opt_str(&o, "receipt", a->receipt);
	if (a->sku) {
		json_str(&o, "sku", a->sku);
		json_i64(&o, "qty", a->qty);
		json_i64(&o, "item", a->item);
		if (a->price >= 0)
			json_i64(&o, "price", a->price);
	}
	opt_str(&o, "tender", a->tender);
	if (a->amount >= 0)
		json_i64(&o, "amount", a->amount);
	if (a->lines_count) {
		struct buf items = { 0 };

		lines_json(a->lines, a->lines_count, &items);
		json_raw(&o, "items", items.data);
		buf_done(&items);
	}
	json_obj_end(&o);
	buf_addc(&p->send, '\n');
}

static void script_perform(void *d, struct ask *a)
{
	struct script *s = d;
	struct proc *p = &s->procs[s->of_lane[a->lane]];
	size_t before = p->send.len;

	if (!p->up) {
		answer_unknown(a, true, clock_now(), "the driver script is not running");
		return;
	}
	if (p->send.len > BACKLOG_MAX_BYTES) {
		answer_unknown(a, true, clock_now(), "the driver script does not read");
		return;
	}
	write_request(p, pend_add(p, a)->id, a);
	if (trace_on(s->init.opts)) {
		struct trace t = trace_of(s, a);

		trace_line(&t, '>', p->send.data + before, p->send.len - before);
	}
	proc_flush(p);
}

static void script_cancel(void *d, struct ask *a)
{
	struct script *s = d;

	if (!a->priv)
		return;
	pend_drop(a->priv);
	if (trace_on(s->init.opts)) {
		struct trace t = trace_of(s, a);

		trace_outcome(&t, TOLD_UNKNOWN, "no answer; the request was given up");
	}
}

/* Without open-session there is nothing to ask: a running process is a till that is up. */
static void script_probe(void *d, struct ask *a)
{
	struct script *s = d;

	if (s->procs[s->of_lane[a->lane]].up)
		a->answered(a, &(struct answer){ .outcome = TOLD_OK, .at_ns = clock_now(),
						 .total = -1 });
	else
		answer_unknown(a, true, clock_now(), "the driver script is not running");
}

static bool script_can(const void *d, enum action a)
{
	return ((const struct script *)d)->can[a];
}

/* ---- life ---- */

static int proc_spawn(struct proc *p, struct err *e)
{
	const struct script *s = p->script;
	const struct crowd_world *w = &s->init.opts->world;
	char **argv = xcalloc(s->conf->script.count + 1, sizeof(*argv));
	int r;

	for (size_t i = 0; i < s->conf->script.count; i++)
		argv[i] = s->conf->script.at[i];
	r = w->spawn(w->arg, p->node, argv, &s->conf->script_env, &p->in, &p->out, &p->pidfd, e);
	free(argv);
	return r;
}

static int proc_watch(struct proc *p)
{
	struct loop *l = p->script->init.opts->loop;
	int r;

	fcntl(p->in, F_SETFL, fcntl(p->in, F_GETFL) | O_NONBLOCK);
	fcntl(p->out, F_SETFL, fcntl(p->out, F_GETFL) | O_NONBLOCK);
	p->in_fd = (struct loop_fd){ .fd = p->in, .ready = in_ready };
	p->out_fd = (struct loop_fd){ .fd = p->out, .ready = out_ready };
	p->pid_fd = (struct loop_fd){ .fd = p->pidfd, .ready = pid_ready };
	p->up = true;
	r = loop_fd_set(l, &p->out_fd, EPOLLIN);
	return r < 0 ? r : loop_fd_set(l, &p->pid_fd, EPOLLIN);
}

static int proc_try(struct proc *p, struct err *e)
{
	int r = proc_spawn(p, e);

	if (r < 0)
		return r;
	r = proc_watch(p);
	return r < 0 ? err_set(e, -r, "watching the driver script") : 0;
}

static void proc_start(struct proc *p)
{
	if (proc_try(p, NULL) == 0)
		return;
	p->up = true; /* so that it counts as a death and is tried again */
	proc_died(p, "the driver script cannot be started");
}

static int script_start(void *d, struct err *e)
{
	struct script *s = d;
	int r = 0;

	for (unsigned i = 0; i < s->procs_count && r == 0; i++) {
		r = proc_try(&s->procs[i], e);
		if (r < 0)
			err_wrap(e, "starting %s at %s", s->conf->script.at[0], s->procs[i].node);
	}
	return r;
}

static int find_ops(struct script *s, struct err *e)
{
	for (size_t i = 0; i < s->conf->script_ops.count; i++) {
		const char *name = s->conf->script_ops.at[i];
		int a = 0;

		while (a < ACTIONS_COUNT && !str_eq(action_names[a], name))
			a++;
		if (a == ACTIONS_COUNT)
			return err_set(e, EINVAL, "no such action: %s", name);
		s->can[a] = true;
	}
	return 0;
}

/* One process per node that asks leave from. */
static void find_procs(struct script *s)
{
	s->procs = xcalloc(s->init.lanes_count, sizeof(*s->procs));
	s->of_lane = xcalloc(s->init.lanes_count, sizeof(*s->of_lane));
	for (unsigned i = 0; i < s->init.lanes_count; i++) {
		char *node = driver_at(s->conf, s->init.lanes[i]);
		unsigned k = 0;

		while (k < s->procs_count && strcmp(s->procs[k].node, node) != 0)
			k++;
		s->of_lane[i] = k;
		if (k < s->procs_count) {
			free(node);
			continue;
		}
		s->procs[k] = (struct proc){ .script = s, .node = node, .in = -1, .out = -1,
					     .pidfd = -1, .restart.fire = restart_fire };
		s->procs_count++;
	}
}

/* A write to a process that died must be an error, not our death. */
static void ignore_sigpipe(void)
{
	struct sigaction sa;

	if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL) {
		sa.sa_handler = SIG_IGN;
		sigaction(SIGPIPE, &sa, NULL);
	}
}

static int script_make(void **ret, const struct driver_init *in, struct err *e)
{
	struct script *s = xcalloc(1, sizeof(*s));

	*ret = s;
	s->init = *in;
	s->conf = &in->opts->target->driver;
	if (s->conf->script.count == 0)
		return err_set(e, EINVAL, "script: names no program");
	if (!in->opts->world.spawn)
		return err_set(e, EINVAL, "script: this world cannot start processes");
	ignore_sigpipe();
	find_procs(s);
	return find_ops(s, e);
}

static void script_free(void *d)
{
	struct script *s = d;

	for (unsigned i = 0; i < s->procs_count; i++) {
		struct proc *p = &s->procs[i];

		loop_timer_cancel(s->init.opts->loop, &p->restart);
		proc_end(p);
		buf_done(&p->send);
		buf_done(&p->recv);
		free(p->node);
	}
	while (s->free) {
		struct pend *x = s->free;

		s->free = x->next;
		free(x);
	}
	free(s->procs);
	free(s->of_lane);
	free(s);
}

struct script_counts script_counts(const void *d)
{
	return ((const struct script *)d)->n;
}

const struct driver_ops driver_script = {
	.name = "script",
	.make = script_make,
	.start = script_start,
	.can = script_can,
	.perform = script_perform,
	.cancel = script_cancel,
	.probe = script_probe,
	.free = script_free,
};
