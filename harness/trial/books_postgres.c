/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The connection is made inside the node's network
 * namespace: this thread enters it, connects, and comes back; a socket keeps
 * the namespace it was made in. Names of nodes become addresses here because
 * our own resolver knows nothing of them; a host that is a path is a Unix
 * socket in the node's data. Everything is read in one read-only transaction,
 * row by row, so that books of any size need little memory.
 *
 * Needed: CAP_SYS_ADMIN in the user namespace that owns the node's network
 * namespace (setns); the worker has it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "stage/stage.h"
#include "trial/books_room.h"

#define COLUMNS_MAX 64
#define PARAMS_MAX 64

/* ---- connecting ---- */

struct params {
	const char *keys[PARAMS_MAX + 4], *values[PARAMS_MAX + 4];
	size_t count;
	char *socket_dir;	  /* owned */
	PQconninfoOption *parsed; /* owned */
};

static void param(struct params *p, const char *key, const char *value)
{
	if (p->count < PARAMS_MAX + 3) {
		p->keys[p->count] = key;
		p->values[p->count++] = value;
	}
}

static void params_done(struct params *p)
{
	PQconninfoFree(p->parsed);
	free(p->socket_dir);
}

static bool is_address(const char *host)
{
	unsigned char a[16];

	return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

/* Where the server is, as seen from the node. */
static int param_host(const struct books_in *in, struct params *p, const char *host, struct err *e)
{
	const char *node = in->target->books.node, *address;

	if (host && host[0] == '/') {
		p->socket_dir = stage_path(in->stage, node, host);
		if (!p->socket_dir)
			return err_set(e, ENOENT,
				       "socket folder %s of node %s is in none of its data "
				       "folders; use a network address",
				       host, node);
		param(p, "host", p->socket_dir);
		return 0;
	}
	if (!host || !*host || strcmp(host, "localhost") == 0)
		address = "127.0.0.1";
	else
		address = is_address(host) ? host : stage_address(in->stage, host);
	if (!address)
		return err_set(e, ENOENT, "host \"%s\" is neither a node nor an address", host);
	if (host && *host)
		param(p, "host", host); /* for TLS and messages */
	param(p, "hostaddr", address);
	return 0;
}

static int params_make(const struct books_in *in, struct params *p, struct err *e)
{
	const char *text = in->target->books.connect ? in->target->books.connect : "";
	const char *host = NULL;
	bool timeout = false, addr = false;
	char *why = NULL;
	int err;

	p->parsed = PQconninfoParse(text, &why);
	if (!p->parsed) {
		err = err_set(e, EINVAL, "books.connect: %.300s", why ? why : "not understood");
		PQfreemem(why);
		return err;
	}
	for (PQconninfoOption *o = p->parsed; o->keyword; o++) {
		if (!o->val)
			continue;
		timeout |= strcmp(o->keyword, "connect_timeout") == 0;
		addr |= strcmp(o->keyword, "hostaddr") == 0;
		if (strcmp(o->keyword, "host") == 0)
			host = o->val;
		else
			param(p, o->keyword, o->val);
	}
	if (!timeout)
		param(p, "connect_timeout", "10");
	return addr ? 0 : param_host(in, p, host, e);
}

/* libpq's words end in newlines and are several lines; one line is enough. */
static const char *one_line(PGconn *c, char *buf, size_t size)
{
	size_t n;

	snprintf(buf, size, "%s", PQerrorMessage(c));
	for (n = strlen(buf); n && strchr(" \n\r", buf[n - 1]); n--)
		buf[n - 1] = '\0';
	for (char *p = buf; *p; p++)
		if (*p == '\n' || *p == '\r' || *p == '\t')
			*p = ' ';
	return buf;
}

static int connect_in_node(const struct books_in *in, struct params *p, PGconn **ret, struct err *e)
{
	cleanup_close int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int netns = stage_netns(in->stage, in->target->books.node);
	char why[400];

	if (home < 0)
		return err_errno(e, errno, "opening our own network namespace");
	if (netns < 0)
		return err_errno(e, -netns, "finding node %s", in->target->books.node);
	if (setns(netns, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "entering the network of node %s",
				 in->target->books.node);
	*ret = PQconnectdbParams(p->keys, p->values, 0);
	if (setns(home, CLONE_NEWNET) < 0)
		return err_errno(e, errno, "coming back from node %s", in->target->books.node);
	if (PQstatus(*ret) != CONNECTION_OK)
		return err_set(e, ECONNREFUSED, "no connection: %s",
			       one_line(*ret, why, sizeof(why)));
	return 0;
}

/* ---- reading ---- */

static int pg_err(PGconn *c, const char *name, struct err *e)
{
	char why[400];

	return err_set(e, EIO, "books.%s: PostgreSQL says: %s", name,
		       one_line(c, why, sizeof(why)));
}

static int command(PGconn *c, const char *sql, struct err *e)
{
	PGresult *r = PQexec(c, sql);
	ExecStatusType s = PQresultStatus(r);

	PQclear(r);
	return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK ? 0 : pg_err(c, "connect", e);
}

typedef int row_fn(const struct books_in *in, struct books_map *m, const char *const *cells,
		   struct err *e);

static int queue_row(const struct books_in *in, struct books_map *m, const char *const *cells,
		     struct err *e)
{
	m->row++;
	return books_count(cells[0], in->ret_queue, e);
}

static int result_rows(const struct books_in *in, PGresult *r, struct books_map *m, row_fn *fn,
		       struct err *e)
{
	const char *cells[COLUMNS_MAX] = { NULL };
	int n = PQnfields(r), err = 0;

	for (int row = 0; row < PQntuples(r) && err >= 0; row++) {
		for (int i = 0; i < n; i++)
			cells[i] = PQgetisnull(r, row, i) ? NULL : PQgetvalue(r, row, i);
		err = fn(in, m, cells, e);
	}
	return err;
}

/* A result of single-row mode: one row, or the empty end that still names the columns. */
static int result_take(const struct books_in *in, PGconn *c, PGresult *r,
		       const struct books_query *q, struct books_map *m, row_fn *fn, struct err *e)
{
	const char *names[COLUMNS_MAX];
	ExecStatusType s = PQresultStatus(r);
	int n = PQnfields(r), err = 0;

	if (s != PGRES_SINGLE_TUPLE && s != PGRES_TUPLES_OK)
		return s == PGRES_COMMAND_OK
			       ? err_set(e, EINVAL, "books.%s is not a query", q->name)
			       : pg_err(c, q->name, e);
	if (n < 1 || n > COLUMNS_MAX)
		return err_set(e, E2BIG, "books.%s yields %d columns", q->name, n);
	for (int i = 0; i < n; i++)
		names[i] = PQfname(r, i);
	if (!m->query)
		err = books_map(m, q, names, (size_t)n, e);
	if (err >= 0 && clock_now() > in->deadline_ns)
		err = err_set(e, ETIMEDOUT, "books.%s took too long", q->name);
	return err < 0 ? err : result_rows(in, r, m, fn, e);
}

static int read_query(const struct books_in *in, PGconn *c, const struct books_query *q,
		      const char *sql, row_fn *fn, struct err *e)
{
	struct books_map m = {0};
	PGresult *r;
	int err = 0;

	/* parameters: the extended protocol takes one statement only */
	if (!PQsendQueryParams(c, sql, 0, NULL, NULL, NULL, NULL, 0))
		return pg_err(c, q->name, e);
	PQsetSingleRowMode(c);
	while ((r = PQgetResult(c))) {
		if (err >= 0)
			err = result_take(in, c, r, q, &m, fn, e);
		PQclear(r);
	}
	if (err >= 0 && in->queue && !m.row)
		err = err_set(e, ENODATA, "books.queue yields no row");
	return err;
}

static int read_all(const struct books_in *in, PGconn *c, struct err *e)
{
	static const struct books_query queue = {"queue", BOOK_WHATS, 0, 0};
	struct books_query q;
	const char *sql;
	int err = command(c, "SET statement_timeout = 30000", e);

	if (err >= 0)
		err = command(c, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e);
	if (err >= 0 && in->queue)
		return read_query(in, c, &queue, in->target->books.queue, queue_row, e);
	for (size_t i = 0; err >= 0 && books_sql_next(in->target, i, &q, &sql); i++)
		if (sql)
			err = read_query(in, c, &q, sql, books_row, e);
	return err;
}

int books_postgres(const struct books_in *in, struct err *e)
{
	struct params p = {0};
	PGconn *c = NULL;
	int err = params_make(in, &p, e);

	if (err >= 0)
		err = connect_in_node(in, &p, &c, e);
	if (err >= 0)
		err = read_all(in, c, e);
	PQfinish(c);
	params_done(&p);
	return err < 0 ? err_wrap(e, "reading the books from PostgreSQL in %s",
				  in->target->books.node)
		       : 0;
}
