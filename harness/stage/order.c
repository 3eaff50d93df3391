/* SPDX-License-Identifier: Apache-2.0 */
/* What to start, as one datagram from the worker to a node's init: head, strings, filter, fds. */
#include "stage/room.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/pass.h"

#define ORDER_MAX 200000 /* below the smallest default of net.core.wmem_max */

struct head {
	struct idmap ids;
	uint32_t forks, ours, argc, envc, node, filter_bytes;
};

static uint32_t pack(struct buf *b, char *const *strings)
{
	uint32_t n = 0;

	for (; strings[n]; n++)
		buf_add(b, strings[n], strlen(strings[n]) + 1);
	return n;
}

int order_send(int ctl, const struct order *o, const int fds[ORDER_FDS], struct err *e)
{
	struct head head = { .ids = o->ids, .forks = o->forks, .ours = o->ours, .node = o->node,
			     .filter_bytes = o->filter.bytes };
	struct buf b = { 0 };
	int r;

	buf_add(&b, &head, sizeof(head));
	head.argc = pack(&b, o->argv);
	head.envc = pack(&b, o->env);
	buf_add(&b, o->cwd, strlen(o->cwd) + 1);
	buf_add(&b, o->process ? o->process : "", o->process ? strlen(o->process) + 1 : 1);
	buf_add(&b, o->filter.code, o->filter.bytes);
	memcpy(b.data, &head, sizeof(head));
	r = b.len > ORDER_MAX ? -E2BIG : pass_send(ctl, b.data, b.len, fds, ORDER_FDS);
	buf_done(&b);
	return r < 0 ? err_errno(e, -r, "asking the node to start %s", o->argv[0]) : 0;
}

/* The next string of a message; "" when it is cut short (which only a bug of ours can do). */
static char *unpack(char **p, char *end)
{
	char *s = *p, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	assert(nul);
	*p = nul + 1;
	return s;
}

static char **unpack_list(char **p, char *end, uint32_t n)
{
	char **list = xcalloc((size_t)n + 1, sizeof(*list));

	for (uint32_t i = 0; i < n; i++)
		list[i] = unpack(p, end);
	return list;
}

static void decode(struct order_mem *mem, size_t len, struct order *ret)
{
	char *text = mem->text, *p = text + sizeof(struct head), *end = text + len;
	struct head head;

	assert(len > sizeof(head));
	memcpy(&head, text, sizeof(head));
	ret->ids = head.ids;
	ret->forks = head.forks;
	ret->ours = head.ours;
	ret->argv = mem->argv = unpack_list(&p, end, head.argc);
	ret->env = mem->env = unpack_list(&p, end, head.envc);
	ret->cwd = unpack(&p, end);
	ret->process = unpack(&p, end);
	ret->node = head.node;
	ret->filter = (struct calls_program){ .code = p, .bytes = head.filter_bytes };
	assert(head.filter_bytes == (size_t)(end - p));
}

void order_mem_done(struct order_mem *m)
{
	free(m->text);
	free(m->argv);
	free(m->env);
	*m = (struct order_mem){ 0 };
}

int order_recv(int ctl, struct order *ret, int fds[ORDER_FDS], struct order_mem *ret_mem)
{
	cleanup_free char *text = xmalloc(ORDER_MAX);
	ssize_t n = pass_recv(ctl, text, ORDER_MAX, fds, ORDER_FDS, 0);

	if (n <= 0)
		return (int)n;
	if (fds[0] < 0)
		return -EBADMSG;
	ret_mem->text = steal_ptr(&text);
	decode(ret_mem, (size_t)n, ret);
	return 1;
}
