/* SPDX-License-Identifier: Apache-2.0 */
/* Help text from option rows: what `list`, --help and the reference page show. */
#include <string.h>

#include "base/buf.h"
#include "conf/opt.h"

static const char *const type_names[] = {
	[OPT_BOOL] = "true or false",
	[OPT_INT] = "number",
	[OPT_DURATION] = "duration",
	[OPT_SIZE] = "size",
	[OPT_SPEED] = "speed",
	[OPT_RATIO] = "share",
	[OPT_PACE] = "pace",
	[OPT_MONEY] = "amount",
	[OPT_STRING] = "text",
	[OPT_REGEX] = "regex",
	[OPT_ENUM] = "one of",
	[OPT_RANGE] = "range",
	[OPT_STRLIST] = "list of texts",
	[OPT_STRMAP] = "map of texts",
	[OPT_WEIGHTS] = "shares that add up to 100%",
	[OPT_STRUCT] = "block",
	[OPT_STRUCTLIST] = "list of blocks",
	[OPT_STRUCTMAP] = "named blocks",
	[OPT_CUSTOM] = "value",
	[OPT_NUMBER] = "number",
	[OPT_NODE] = "block",
};

static const char *domain_name(const struct opt *row)
{
	if (row->type != OPT_DURATION)
		return "";
	switch (row->domain) {
	case DOMAIN_SHOP:
		return ", shop time";
	case DOMAIN_SYSTEM:
		return ", system time";
	case DOMAIN_EITHER:
		return ", system time, or \"... shop\"";
	default:
		return "";
	}
}

static void help_bounds(const struct opt *row, struct buf *out)
{
	if (row->min && row->max)
		buf_printf(out, ", %s to %s", row->min, row->max);
	else if (row->min)
		buf_printf(out, ", at least %s", row->min);
	else if (row->max)
		buf_printf(out, ", at most %s", row->max);
}

void opt_help_type(const struct opt *row, struct buf *out)
{
	buf_adds(out, type_names[row->values ? OPT_ENUM : row->type]);
	for (size_t i = 0; row->values && row->values[i].name; i++)
		buf_printf(out, "%s%s", i ? " | " : " ", row->values[i].name);
	buf_adds(out, domain_name(row));
	help_bounds(row, out);
	if (row->def)
		buf_printf(out, ", default %s", row->def);
	else if (!row->optional)
		buf_adds(out, ", required");
}

static void help_row(const struct opt *row, unsigned indent, struct buf *out)
{
	buf_printf(out, "%*s%s (", (int)indent, "", row->name);
	opt_help_type(row, out);
	buf_printf(out, "): %s", row->help ? row->help : "");
	if (row->example)
		buf_printf(out, "; e.g. %s", row->example);
	buf_addc(out, '\n');
	for (size_t i = 0; row->values && row->values[i].name; i++)
		if (row->values[i].help)
			buf_printf(out, "%*s%s: %s\n", (int)indent + 4, "", row->values[i].name,
				   row->values[i].help);
}

void opt_help(struct opt_table table, unsigned indent, struct buf *out)
{
	for (const struct opt *row = table.rows; row->type != OPT_END_; row++) {
		help_row(row, indent, out);
		if (row->sub.rows)
			opt_help(row->sub, indent + 4, out);
	}
}
