/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a target the harness itself plays: the bank (a node's `bank:`) and
 * the devices on the counter (a lane's `devices:`). A device becomes a node of
 * its own, DEVICE-NODE: `printer-lane-1`. With a port it is a host on the wire,
 * as the bank is, so every fault on links is good for it too; on a serial line
 * it is a file in the /dev of the node it stands at, and on no wire.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "conf/target_load.h"

#define ROW(s, member) .name = #member, .offset = offsetof(struct s, member)
#define DEVICES_MAX 16
#define BANK_TIMEOUT_NS INT64_C(30000000000) /* what terminals of the field have */

/* ---- bank: {http: 8080, iso8583: 8583} ---- */

const struct opt bank_rows[] = {
	{ROW(bank_conf, http), .type = OPT_INT, .min = "1", .max = "65535", .optional = true,
	 .help = "the port of its HTTP/JSON payment API", .example = "8080"},
	{ROW(bank_conf, iso8583), .type = OPT_INT, .min = "1", .max = "65535", .optional = true,
	 .help = "the port where it speaks ISO 8583; it may have both", .example = "8583"},
	{ROW(bank_conf, iso_reference), .type = OPT_INT, .min = "37", .max = "127", .def = "48",
	 .help = "the ISO 8583 field that names the sale: 37, or a text of any length"},
	OPT_END};

static bool holds_text(int64_t field)
{
	return field == 37 || (field >= 46 && field <= 48) || (field >= 54 && field <= 63) ||
	       (field >= 104 && field <= 127);
}

int bank_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag)
{
	struct bank_conf *b = field;
	int r = opt_apply((struct opt_table){bank_rows, sizeof(*b)}, n, n->mark, path, b, diag);

	if (r < 0)
		return r;
	if (!b->http && !b->iso8583)
		diag_error(diag, n->mark, "%s: it needs a port: http, iso8583 or both", path);
	else if (b->http == b->iso8583)
		diag_error(diag, n->mark, "%s: both at port %" PRId64, path, b->http);
	else if (!holds_text(b->iso_reference))
		diag_error(diag, n->mark, "%s.iso_reference: field %" PRId64 " holds no text; 37, "
			   "46..48, 54..63 and 104..127 do", path, b->iso_reference);
	else
		return 0;
	return -EINVAL;
}

/* ---- devices: {printer: {escpos: tcp 9100}} ---- */

struct wish {
	char *place[DEVICE_KINDS]; /* owned; by kind; NULL: it is none of that kind */
	struct dur bank_timeout;
};
#define KIND(word, kind, words, at)                                                              \
	{.name = word, .offset = offsetof(struct wish, place) + (kind) * sizeof(char *),          \
	 .type = OPT_STRING, .optional = true, .help = words, .example = at}
static const struct opt wish_rows[] = {
	KIND("escpos", DEVICE_ESCPOS, "a receipt printer, its cash drawer behind it, at `tcp PORT` "
	     "of a host of its own, or at `serial NAME` in /dev", "serial ttyUSB0"),
	KIND("zvt", DEVICE_ZVT, "a card terminal at `tcp PORT` of a host of its own: ZVT with its "
	     "till, ISO 8583 with the bank", "tcp 20007"),
	KIND("barcode", DEVICE_BARCODE, "a barcode scanner, at `serial NAME` in /dev; it reads "
	     "what is posted to http://NAME-NODE/", "serial ttyUSB1"),
	{ROW(wish, bank_timeout), .type = OPT_DURATION, .domain = DOMAIN_SYSTEM, .optional = true,
	 .min = "1ms", .max = "10min", .help = "a card terminal's: so long it waits for the bank "
	 "(30s); then it takes the payment back by itself", .example = "30s"},
	OPT_END};
const struct opt_table device_table = {wish_rows, sizeof(struct wish)};

bool serial_name(const char *text)
{
	static const char *const kinds[] = {"ttyUSB", "ttyACM", "ttyS"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t len = strlen(kinds[i]);

		if (!strncmp(text, kinds[i], len) && strspn(text + len, "0123456789") &&
		    strspn(text + len, "0123456789") == strlen(text + len) &&
		    strlen(text) <= SERIAL_NAME_MAX)
			return true;
	}
	return false;
}

static int read_place(const char *text, struct mark at, const char *path, struct device *ret,
		      struct diag *diag)
{
	static const struct opt port = {.name = "port", .type = OPT_INT, .min = "1",
					.max = "65535"};
	char why[256] = "";

	if (strncmp(text, "tcp ", 4) == 0 &&
	    opt_value(&port, text + 4, &ret->port, why, sizeof(why)) == 0)
		return 0;
	if (strncmp(text, "serial ", 7) == 0 && serial_name(text + 7)) {
		ret->serial = xstrdup(text + 7);
		return 0;
	}
	diag_error(diag, at, "%s: \"%s\" is no place for a device; expected `tcp PORT` or "
		   "`serial NAME`, where NAME is ttyUSB0, ttyACM0 or ttyS0, or another number",
		   path, text);
	return -EINVAL;
}

/* What only a card terminal has, and what it cannot have. */
static int read_terminal(const struct wish *w, struct mark at, const char *path,
			 struct device *ret, struct diag *diag)
{
	bool terminal = ret->kind == DEVICE_ZVT;

	ret->bank_timeout = w->bank_timeout;
	if (ret->bank_timeout.ns < 0)
		ret->bank_timeout.ns = BANK_TIMEOUT_NS;
	else if (!terminal)
		diag_error(diag, at, "%s.bank_timeout: only a card terminal asks the bank", path);
	if (terminal && ret->serial)
		diag_error(diag, at, "%s.zvt: a card terminal is a host on the wire: `tcp PORT`",
			   path);
	if (terminal ? !ret->serial : w->bank_timeout.ns < 0)
		return 0;
	ret->kind = DEVICE_NONE;
	return -EINVAL;
}

/* A scanner hangs on a line, and is a host for whoever holds things in front of it. */
static int read_scanner(struct mark at, const char *path, struct device *ret, struct diag *diag)
{
	if (ret->kind != DEVICE_BARCODE)
		return 0;
	if (ret->serial) {
		ret->port = HAND_PORT;
		return 0;
	}
	diag_error(diag, at, "%s.barcode: a scanner hangs on a serial line, like `serial ttyUSB1`",
		   path);
	ret->kind = DEVICE_NONE;
	return -EINVAL;
}

static int read_device(const struct yaml_node *n, const char *name, struct mark at,
		       const char *path, struct device *ret, struct diag *diag)
{
	struct wish w = {0};
	int r = opt_apply(device_table, n, at, path, &w, diag), kinds = 0;

	*ret = (struct device){.name = xstrdup(name), .mark = at};
	for (const struct opt *o = wish_rows; r == 0 && o->type == OPT_STRING; o++) {
		int kind = (int)((o->offset - offsetof(struct wish, place)) / sizeof(char *));
		const struct yaml_node *value = yaml_get(n, o->name);
		cleanup_free char *place = xasprintf("%s.%s", path, o->name);

		if (!w.place[kind] || kinds++)
			continue;
		r = read_place(w.place[kind], value ? value->mark : at, place, ret, diag);
		ret->kind = r == 0 ? kind : DEVICE_NONE;
	}
	if (r == 0 && kinds != 1) {
		diag_error(diag, at, "%s: expected one thing that it is, like escpos: tcp 9100",
			   path);
		ret->kind = DEVICE_NONE;
		r = -EINVAL;
	}
	if (r == 0)
		r = read_terminal(&w, at, path, ret, diag);
	if (r == 0)
		r = read_scanner(at, path, ret, diag);
	opt_free(device_table, &w);
	return r;
}

/* Two of them cannot be the same file. */
static int check_twice(const struct devices *d, const char *path, struct diag *diag)
{
	for (size_t i = 0; i < d->count; i++)
		for (size_t k = 0; d->at[i].serial && k < i; k++)
			if (str_eq(d->at[i].serial, d->at[k].serial)) {
				diag_error(diag, d->at[i].mark, "%s: %s and %s are both /dev/%s",
					   path, d->at[k].name, d->at[i].name, d->at[i].serial);
				return -EINVAL;
			}
	return 0;
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
	return check_twice(d, path, diag) < 0 ? -EINVAL : r;
}

void devices_free(void *field)
{
	struct devices *d = field;

	for (size_t i = 0; i < d->count; i++) {
		free(d->at[i].name);
		free(d->at[i].serial);
	}
	free(d->at);
	*d = (struct devices){0};
}

/* ---- checking ---- */

void ours_check(const struct target *t, const struct node *n, struct diag *diag)
{
	const struct node *bank = target_bank(t);

	for (size_t i = 0; i < n->devices.count; i++)
		if (n->devices.at[i].kind == DEVICE_ZVT && (!bank || !bank->bank.iso8583))
			diag_error(diag, n->devices.at[i].mark, "nodes.%s.devices.%s: a card "
				   "terminal asks a bank, and no node here has a `bank:` with an "
				   "iso8583: port", n->name, n->devices.at[i].name);
	if (node_bank(n) && (n->services_count || n->data_count || n->rootfs || n->devices.count))
		diag_error(diag, n->mark, "nodes.%s: it is the bank, which the harness plays: "
			   "services, data, rootfs and devices belong elsewhere", n->name);
	if (node_bank(n) && n != bank)
		diag_error(diag, n->mark, "nodes.%s: %s is the bank already", n->name,
			   bank->name);
}

/* ---- asking ---- */

const struct node *target_bank(const struct target *t)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (node_bank(&t->nodes[i]))
			return &t->nodes[i];
	return NULL;
}

size_t target_wired(const struct target *t)
{
	size_t n = 0;

	while (n < t->nodes_count && node_wired(&t->nodes[n]))
		n++;
	return n;
}

bool target_has_device(const struct target *t, int kind)
{
	for (size_t i = 0; i < t->nodes_count; i++)
		if (t->nodes[i].device.kind == kind)
			return true;
	return false;
}
