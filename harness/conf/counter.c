/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a target the harness itself plays: the bank (a node's `bank:`) and
 * the devices on the counter (a lane's `devices:`). Either is a host on the
 * wire, so every fault on links is good for it too. A device becomes a node of
 * its own, DEVICE-NODE: `printer-lane-1`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "conf/target_load.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define DEVICES_MAX 16

/* ---- devices: {printer: {escpos: tcp 9100}} ---- */

struct wish {
	char *escpos;
};
static const struct opt wish_rows[] = {
	{ROW(wish, escpos), .type = OPT_STRING,
	 .help = "a receipt printer, its cash drawer behind it, at `tcp PORT` of a host of its own",
	 .example = "tcp 9100"},
	OPT_END};
static const struct opt_table wish_table = {wish_rows, sizeof(struct wish)};

static int read_place(const char *text, struct mark at, const char *path, int64_t *ret,
		      struct diag *diag)
{
	static const struct opt port = {.name = "port", .type = OPT_INT, .min = "1",
					.max = "65535"};
	char why[256] = "";

	if (strncmp(text, "tcp ", 4) == 0 &&
	    opt_value(&port, text + 4, ret, why, sizeof(why)) == 0)
		return 0;
	diag_error(diag, at, "%s: \"%s\" is no place for a device; expected `tcp PORT`", path,
		   text);
	if (text[0] == '/')
		diag_note(diag, (struct mark){0},
			  "device files are not emulated by this version, hosts on the wire are");
	return -EINVAL;
}

static int read_device(const struct yaml_node *n, const char *name, struct mark at,
		       const char *path, struct device *ret, struct diag *diag)
{
	cleanup_free char *place = xasprintf("%s.escpos", path);
	struct wish w = {0};
	int r = opt_apply(wish_table, n, at, path, &w, diag);

	if (r == 0) {
		const struct yaml_node *value = yaml_get(n, "escpos");

		*ret = (struct device){.name = xstrdup(name), .kind = DEVICE_ESCPOS, .mark = at};
		r = read_place(w.escpos, value ? value->mark : at, place, &ret->port, diag);
	}
	opt_free(wish_table, &w);
	return r;
}

int devices_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct devices *d = field;
	int r = 0;

	if (n->type != NODE_MAP || n->count > DEVICES_MAX) {
		diag_error(diag, n->mark, "%s: expected a map of at most %d devices by name, like "
			   "{printer: {escpos: tcp 9100}}", path, DEVICES_MAX);
		return -EINVAL;
	}
	d->at = xcalloc(n->count + 1, sizeof(*d->at));
	for (size_t i = 0; i < n->count; i++) {
		cleanup_free char *at = xasprintf("%s.%s", path, n->keys[i].name);

		if (read_device(n->items[i], n->keys[i].name, n->keys[i].mark, at,
				&d->at[d->count], diag) < 0)
			r = -EINVAL;
		d->count++;
	}
	return r;
}

void devices_free(void *field)
{
	struct devices *d = field;

	for (size_t i = 0; i < d->count; i++)
		free(d->at[i].name);
	free(d->at);
	*d = (struct devices){0};
}

/* ---- asking ---- */

const struct node *target_bank(const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].bank.http)
			return &t->nodes[i];
	return NULL;
}

bool target_has_device(const struct target *t, int kind)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].device.kind == kind)
			return true;
	return false;
}
