/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One process for all nodes. It knows the wire's and the
 * disks' counters from the memory that it shares with them since it was forked,
 * and the nodes' inits, which change when a node's power was away, from a page
 * that the worker writes. It looks four times a second at first; half as often
 * whenever it has looked ROUNDS_MAX times, so that a day of any length leaves a
 * file of the same size; and never so often that it would take more than
 * 1/COST_SHARE of a core.
 */
#include "trial/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "conf/target.h"
#include "disk/disk.h"
#include "stage/links.h"
#include "stage/stage.h"
#include "stage/usage.h"
#include "wire/tally.h"
#include "wire/wire.h"

#define EVERY_NS (250 * NS_PER_MS)
#define ROUNDS_MAX 1200
#define COST_SHARE 200

struct watch {
	struct beside b;
	struct stage *st;
	const struct target *t;
	int64_t epoch_ns;
	volatile pid_t *inits; /* mapped, shared: one for each node */
	size_t nodes;
	struct usage *usage;   /* owned: one for each node; used by the process */
};

/* ---- in the process ---- */

static int64_t sent_again(const struct watch *w, size_t node)
{
	int64_t n = 0;

	for (size_t to = 0; to < w->nodes; to++)
		n += (int64_t)wire_link(stage_wire(w->st), (unsigned)node, (unsigned)to).again;
	return n;
}

static void look_at(struct watch *w, size_t node, struct buf *out)
{
	struct json_out o = { .buf = out };
	const struct node *n = &w->t->nodes[node];
	struct disk *disk = stage_disk(w->st, n->name);
	struct node_usage u;
	int64_t ops = 0, ns = 0;

	usage_look(&w->usage[node], w->inits[node], &u);
	if (disk)
		disk_served(disk, &ops, &ns);
	json_obj(&o, NULL);
	json_str(&o, "name", n->name);
	json_i64(&o, "t_ns", clock_now() - w->epoch_ns);
	json_i64(&o, "cpu_ns", u.cpu_ns);
	json_i64(&o, "memory", u.memory);
	json_i64(&o, "files", u.files);
	json_i64(&o, "processes", u.processes);
	json_i64(&o, "again", sent_again(w, node));
	json_i64(&o, "disk_ops", ops);
	json_i64(&o, "disk_ns", ns);
	json_obj_end(&o);
	buf_addc(out, '\n');
}

/* A results disk that is full: the ledgers say so, samples are just not there. */
static bool put(const struct buf *b)
{
	return !b->len || write(BESIDE_FD_MORE, b->data, b->len) == (ssize_t)b->len;
}

static int64_t own_cpu_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Until the worker closes its end. */
static bool rest(int64_t ns)
{
	struct pollfd f = { .fd = BESIDE_FD_CTL, .events = POLLIN };

	return poll(&f, 1, (int)(ns / NS_PER_MS)) == 0;
}

static int64_t next_rest(int64_t every_ns, int64_t cost_ns)
{
	return cost_ns * COST_SHARE > every_ns ? cost_ns * COST_SHARE : every_ns;
}

static void watch_main(void *arg)
{
	struct watch *w = arg;
	struct buf out = { 0 };
	int64_t every = EVERY_NS, cost = 0;

	for (unsigned round = 1; round == 1 || rest(next_rest(every, cost)); round++) {
		int64_t before = own_cpu_ns();

		buf_reset(&out);
		for (size_t i = 0; i < w->nodes; i++)
			if (w->t->nodes[i].services_count)
				look_at(w, i, &out);
		if (!put(&out))
			return;
		if (round % ROUNDS_MAX == 0)
			every *= 2;
		cost = own_cpu_ns() - before;
	}
}

/* ---- the worker's end ---- */

static int map_inits(struct watch *w, struct err *e)
{
	void *at = mmap(NULL, (w->nodes + 1) * sizeof(pid_t), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return err_errno(e, errno, "memory to share");
	w->inits = at;
	return 0;
}

int watch_begin(struct watch **ret, struct stage *st, const struct target *t, const char *dir,
		int64_t epoch_ns, struct err *e)
{
	cleanup_free char *path = xasprintf("%s/" WATCH_FILE, dir);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	struct watch *w;
	struct beside_opts o = { .name = "watch", .fds = &fd, .fds_count = 1,
				 .main = watch_main };
	int r;

	if (fd < 0)
		return err_errno(e, errno, "writing %s", path);
	*ret = w = xcalloc(1, sizeof(*w));
	*w = (struct watch){ .b = BESIDE_NONE, .st = st, .t = t, .epoch_ns = epoch_ns };
	w->nodes = t->nodes_count < WIRE_NODES_MAX ? t->nodes_count : WIRE_NODES_MAX;
	w->usage = xcalloc(w->nodes + 1, sizeof(*w->usage));
	o.arg = w;
	r = map_inits(w, e);
	if (r < 0)
		return r;
	watch_tick(w);
	return beside_fork(&w->b, &o, e);
}

void watch_tick(struct watch *w)
{
	for (size_t i = 0; w && i < w->nodes; i++)
		w->inits[i] = stage_init(w->st, w->t->nodes[i].name);
}

void watch_end(struct watch *w)
{
	if (!w)
		return;
	beside_end(&w->b);
	if (w->inits)
		munmap((void *)(uintptr_t)w->inits, (w->nodes + 1) * sizeof(pid_t));
	free(w->usage);
	free(w);
}
