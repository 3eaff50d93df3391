/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worstday shell: a target to work with, and a prompt to break it. Theory of
 * operation:
 *
 *   shell (terminal, signals) ── control socket ──► worker: the session
 *                                                     ▲
 *   worstday ctl, worstday exec ──────────────────────┘
 *
 * The prompt is a caller like every other. The worker has a process group of
 * its own, so a Ctrl-C reaches the prompt alone, which then ends everything.
 * Its folder is on the guardian's list, its namespaces end with it.
 */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "explore/session.h"
#include "explore/store.h"
#include "explore/suite.h"
#include "stage/stage.h"
#include "trial/control.h"

#define END_WITHIN_MS 60000
#define PUBLISH_MAX 32

static const struct cli_opt options[] = {
	{.name = "publish",
	 .letter = 'p',
	 .type = CLI_LIST,
	 .offset = offsetof(struct cli, publishes),
	 .arg = "NODE:PORT[=ADDRESS:PORT]",
	 .help = "a port of a node for people: at 127.0.0.1:PORT, or any free one; repeatable"},
	{.name = "set",
	 .type = CLI_LIST,
	 .offset = offsetof(struct cli, sets),
	 .arg = "PATH=VALUE",
	 .help = "change a value, e.g. env={TILL_BUG: no-fsync}; disk=as-needed: data lie on no "
		 "disk that may fail; faults=[{call.slow: {...}}]: call.*, lib.fail and power.cut "
		 "that may be armed later (all others always may); repeatable"},
	{.name = "keep",
	 .letter = 'k',
	 .type = CLI_STRING,
	 .offset = offsetof(struct cli, keep_dir),
	 .arg = "DIR",
	 .help = "keep logs and events in DIR"},
	{.name = "no-preload",
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, no_preload),
	 .help = "load no library of ours into the services: no clock.* and lib.* by hand"},
	{.name = "no-prompt",
	 .type = CLI_FLAG,
	 .offset = offsetof(struct cli, no_prompt),
	 .help = "only listen to `worstday ctl`, until it says quit or a signal comes"},
	CLI_OPT_END,
};

struct shell {
	const struct cli *c;
	struct target *t; /* owned */
	struct conf_catalog cat;
	struct plan plan;
	char *dir;        /* owned */
	struct publish publish[PUBLISH_MAX];
	size_t publish_count;
	pid_t worker;
	int pidfd, signals, sock; /* owned; -1 */
	int signal;               /* that ended it; 0 */
};

/* ---- the worker ---- */

static volatile sig_atomic_t interrupted;

static void on_term(int signo)
{
	(void)signo;
	interrupted = 1;
}

static void worker_signals(void)
{
	struct sigaction act = {.sa_handler = on_term};
	sigset_t none;

	sigaction(SIGTERM, &act, NULL);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int in_slot(struct shell *s, int control, int ready, struct err *e)
{
	cleanup_free char *cache = store_check("results", NULL) == 0 ?
					   xstrdup("results/.cache") :
					   xasprintf("%s/.cache", s->dir);
	struct slot_opts so = {.cache = cache, .out = s->dir};
	struct experiment *x = s->plan.at[0].experiment;
	struct session_in in = {.experiment = x, .target = s->plan.at[0].target, .cat = &s->cat,
				.dir = s->dir, .control = control, .ready = ready,
				.disks = x->disk == DISKS_ALWAYS,
				.preload = !s->c->no_preload, .publish = s->publish,
				.publish_count = s->publish_count, .interrupted = &interrupted};
	int r = store_make(cache, e);

	if (r == 0)
		r = slot_new(&in.slot, &so, e);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* entering a user namespace cleared it */
	if (r == 0)
		r = session_run(&in, e);
	slot_free(in.slot);
	return r;
}

static _Noreturn void worker_main(struct shell *s, pid_t parent, int ready)
{
	struct err e = {0};
	int control, r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	worker_signals();
	if (getppid() != parent)
		_exit(1);
	control = control_listen(parent);
	r = control < 0 ? err_errno(&e, -control, "a socket to be called at") :
			  in_slot(s, control, ready, &e);
	if (r < 0) {
		cleanup_free char *words = xasprintf("%s\n", e.msg);

		if (write(ready, words, strlen(words)) < 0)
			fprintf(stderr, "worstday shell: %s", words);
	}
	_exit(r < 0 ? (r == -EPROTO ? 2 : EXIT_BROKEN) : 0);
}

/* ---- start ---- */

static int compose(struct shell *s, struct diag *diag, struct err *e)
{
	cleanup_free char *file = xasprintf("%s/shell.yml", s->dir);
	cleanup_free char *path = realpath(s->t->path, NULL);
	char why[512];
	bool disks = stage_probe_disk(why, sizeof(why)) == 0;
	cleanup_free char *text =
		xasprintf("title: by hand\ntarget: '%s'\nseed: 1\nbaseline: never\ndisk: %s\n"
			  "shoppers: {count: 1, arrivals: constant 1/s, basket: 2, human: none,\n"
			  "  retries: 0, step_timeout: 60s, open_within: 30s}\n"
			  "checks: [sales-served: {min: 1}]\n",
			  path ? path : s->t->path, disks ? "always" : "as-needed");
	int r = store_write(s->dir, "shell.yml", text, strlen(text), e);

	if (!disks)
		fprintf(stderr, "worstday shell: no faults on disks: %s\n", why);
	return r < 0 ? r : plan_add(&s->plan, file, &s->cat, &s->c->sets, diag);
}

static int folder(struct shell *s, struct err *e)
{
	const char *tmp = getenv("TMPDIR");
	int r = guardian_start(e);

	if (r < 0)
		return r;
	if (s->c->keep_dir) {
		s->dir = xstrdup(s->c->keep_dir);
		return store_make(s->dir, e);
	}
	s->dir = xasprintf("%s/worstday-shell-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(s->dir)) {
		r = err_errno(e, errno, "making %s", s->dir);
		free(steal_ptr(&s->dir));
		return r;
	}
	guardian_add(s->dir);
	return 0;
}

static int ports(struct shell *s, struct err *e)
{
	int r = 0;

	if (s->c->publishes.count > PUBLISH_MAX)
		return err_set(e, EINVAL, "at most %d ports can be published", PUBLISH_MAX);
	for (size_t i = 0; r == 0 && i < s->c->publishes.count; i++)
		r = publish_open(&s->publish[s->publish_count++], s->c->publishes.at[i], s->t, e);
	return r;
}

/* Until the target is ready: its first line, empty when it is. */
static int await(struct shell *s, int ready, struct err *e)
{
	struct pollfd p[2] = {{.fd = ready, .events = POLLIN},
			      {.fd = s->signals, .events = POLLIN}};
	struct signalfd_siginfo si;
	char words[ERR_MSG_MAX] = "";
	cleanup_free char *worker = xasprintf("%d", s->worker);
	ssize_t n;

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents && read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		s->signal = (int)si.ssi_signo;
		return err_set(e, EINTR, "interrupted");
	}
	n = read(ready, words, sizeof(words) - 1);
	if (n <= 0)
		return err_set(e, EPIPE, "its worker died");
	if (words[0] != '\n') {
		words[n - 1] = '\0';
		return err_set(e, EPROTO, "%.900s", words);
	}
	s->sock = control_call(worker, e);
	return s->sock < 0 ? s->sock : 0;
}

static int start(struct shell *s, struct err *e)
{
	pid_t me = getpid();
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, errno, "pipe");
	fflush(NULL);
	s->worker = fork();
	if (s->worker == 0) {
		close(ends[0]);
		close(s->signals);
		worker_main(s, me, ends[1]);
	}
	close(ends[1]);
	if (s->worker < 0) {
		close(ends[0]);
		return err_errno(e, errno, "starting a worker");
	}
	setpgid(s->worker, s->worker);
	s->pidfd = pidfd_open(s->worker, 0);
	r = await(s, ends[0], e);
	close(ends[0]);
	return r;
}

/* ---- the prompt ---- */

static void said(void *arg, const char *text, size_t len)
{
	(void)arg;
	fwrite(text, 1, len, stdout);
	fflush(stdout);
}

static void prompt(bool terminal)
{
	if (!terminal)
		return;
	fputs("worstday> ", stdout);
	fflush(stdout);
}

/* What has been typed, line by line. Returns false when it is over. */
static bool typed(struct shell *s, struct buf *b, bool terminal)
{
	struct err e = {0};
	char *nl;

	while ((nl = memchr(b->data ? b->data : "", '\n', b->len))) {
		cleanup_free char *line = xstrndup(b->data, (size_t)(nl - b->data));

		buf_drop_front(b, (size_t)(nl - b->data) + 1);
		if (line[0] && control_ask(s->sock, line, said, NULL, NULL, &e) < 0) {
			fprintf(stderr, "worstday shell: %s\n", e.msg);
			return false;
		}
		if (str_eq(line, "quit"))
			return false;
		prompt(terminal);
	}
	return true;
}

static void talk(struct shell *s)
{
	struct pollfd p[3] = {{.fd = s->pidfd, .events = POLLIN},
			      {.fd = s->signals, .events = POLLIN},
			      {.fd = s->c->no_prompt ? -1 : STDIN_FILENO, .events = POLLIN}};
	bool terminal = isatty(STDIN_FILENO) && !s->c->no_prompt, on = true;
	struct signalfd_siginfo si;
	struct buf b = {0};
	char chunk[4096];

	prompt(terminal);
	while (on) {
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents && read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si))
			s->signal = (int)si.ssi_signo;
		on = !p[0].revents && !p[1].revents;
		if (on && p[2].revents) {
			ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

			if (n > 0)
				buf_add(&b, chunk, (size_t)n);
			on = n > 0 && typed(s, &b, terminal);
		}
	}
	if (terminal)
		putchar('\n');
	buf_done(&b);
}

/* ---- end ---- */

/* Its exit status; one that does not go, or a second signal, and it is made to. */
static int end(struct shell *s)
{
	struct pollfd p[2] = {{.fd = s->pidfd, .events = POLLIN},
			      {.fd = s->signals, .events = POLLIN}};
	int status = 0;

	if (s->worker <= 0)
		return EXIT_BROKEN;
	kill(s->worker, SIGTERM);
	if (poll(p, 2, END_WITHIN_MS) <= 0 || !p[0].revents)
		kill(s->worker, SIGKILL);
	while (waitpid(s->worker, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static void greet(const struct shell *s)
{
	printf("%s is up; process %d", s->plan.at[0].target->name, getpid());
	for (size_t i = 0; i < s->publish_count; i++)
		printf("%s%s:%u at %s", i ? ", " : "; ", s->publish[i].node, s->publish[i].port,
		       s->publish[i].here);
	printf("%s\n", s->c->no_prompt ? "" : "; `help` lists what can be said");
	fflush(stdout);
}

static int bad_file(const struct diag *diag)
{
	struct buf b = {0};

	diag_render(diag, &b);
	fputs(b.data ? b.data : "", stderr);
	buf_done(&b);
	return EXIT_BAD_FILE;
}

static int live(struct shell *s, struct err *e)
{
	int code, r = start(s, e);

	if (r == 0) {
		greet(s);
		talk(s);
	}
	code = end(s);
	if (r < 0 && !s->signal)
		fprintf(stderr, "worstday shell: %s\n", e->msg);
	if (r == -EPROTO && code == 0)
		code = EXIT_BROKEN;
	return s->signal && s->signal != SIGINT ? 128 + s->signal : code;
}

static int shell_run(struct shell *s, struct diag *diag)
{
	struct err e = {0};
	sigset_t set;
	int r = ports(s, &e);

	if (r < 0) {
		fprintf(stderr, "worstday shell: --publish: %s\n", e.msg);
		return r == -EINVAL ? EXIT_USAGE : EXIT_UNSUPPORTED;
	}
	r = folder(s, &e);
	if (r == 0)
		r = compose(s, diag, &e);
	if (diag_errors(diag))
		return bad_file(diag);
	if (r < 0) {
		fprintf(stderr, "worstday shell: %s\n", e.msg);
		return EXIT_BROKEN;
	}
	sigprocmask(SIG_BLOCK, NULL, &set);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return live(s, &e);
}

static void shell_done(struct shell *s)
{
	int *fds[] = {&s->pidfd, &s->signals, &s->sock};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
	}
	for (size_t i = 0; i < s->publish_count; i++)
		publish_close(&s->publish[i]);
	if (s->dir && !s->c->keep_dir) {
		store_remove(s->dir);
		guardian_drop(s->dir);
	}
	free(s->dir);
	plan_done(&s->plan);
	target_free(s->t);
}

static int shell(const struct cli *c)
{
	struct shell *s = xcalloc(1, sizeof(*s));
	struct diag *diag = diag_new();
	int code;

	*s = (struct shell){.c = c, .cat = cmd_catalog(), .pidfd = -1, .signals = -1, .sock = -1};
	suite_hold_signals();
	s->t = target_load(c->words[0], (struct mark){0}, diag);
	code = s->t ? shell_run(s, diag) : bad_file(diag);
	shell_done(s);
	free(s);
	diag_free(diag);
	return code;
}

const struct cmd cmd_shell = {
	.name = "shell",
	.args = "[OPTION]... TARGET",
	.summary = "start a target to work with, and break it by hand",
	.about =
		"TARGET is a name (targets/NAME/target.yml) or a path. There are no shoppers and\n"
		"no schedule, but a prompt: arm and heal any fault while somebody works with the\n"
		"POS, sell, read the books, save what was done as an experiment. `help` lists the\n"
		"words; `worstday ctl` says them from elsewhere, `worstday exec` runs a program\n"
		"in a node. Published ports never cross the wire: no fault on links touches them.",
	.opts = options,
	.words = {"TARGET"},
	.words_min = 1,
	.words_max = 1,
	.run = shell,
};
