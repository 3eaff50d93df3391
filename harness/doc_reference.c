/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: every fault, check and key, as Markdown. */
#include "doc.h"

#include <string.h>

#include "base/buf.h"
#include "conf/target.h"
#include "explore/version.h"
#include "faults/backend.h"
#include "faults/fault.h"
#include "judge/judge.h"

static void code(struct buf *out, const char *language, const char *text)
{
	buf_printf(out, "\n```%s\n%s```\n", language, text);
}

static void options(struct buf *out, struct opt_table table)
{
	struct buf help = {0};

	opt_help(table, 0, &help);
	if (help.len)
		code(out, "text", help.data);
	buf_done(&help);
}

static void example(struct buf *out, const char *list, const char *text, const char *more)
{
	struct buf b = {0};

	buf_printf(&b, "%s:\n  - %s\n%s", list, text, more);
	code(out, "yaml", b.data);
	buf_done(&b);
}

static void write_fault(struct buf *out, const struct fault_ops *f)
{
	struct buf backends = {0};

	buf_printf(out, "\n### %s\n\n%s.\n\nNeeds: %s. Costs: %s.\n", f->name, f->summary,
		   f->privilege, f->cost);
	options(out, f->opts);
	backend_help(f, 0, &backends);
	if (backends.len) {
		buf_adds(out, "\nBack ends:\n");
		code(out, "text", backends.data);
	}
	example(out, "faults", f->example, "");
	buf_done(&backends);
}

static void write_check(struct buf *out, const struct check_ops *c)
{
	buf_printf(out, "\n### %s\n\n%s.\n", c->name, c->summary);
	if (c->timing)
		buf_adds(out, "\nA matter of time: inconclusive when the host was too noisy.\n");
	if (c->queue_based)
		buf_adds(out, "\nAbout queues: inconclusive when the pace is too high.\n");
	options(out, c->opts);
	example(out, "checks", c->example, "");
}

static void write_keys(struct buf *out, const char *title, struct opt_table table)
{
	buf_printf(out, "\n### %s\n", title);
	options(out, table);
}

void doc_reference(struct buf *out)
{
	buf_printf(out,
		   "# worstday %s: every fault, check and key\n\n"
		   "Written by `worstday doc reference` from the tables that read the files.\n\n"
		   "## Faults\n\n"
		   "An item of `faults:` is one fault with its options and, beside it, `when:` and "
		   "`min_hits:`\n(fewer hits make the trial inconclusive; default 1). `when:` is "
		   "the same for all of them:\n",
		   WD_VERSION);
	options(out, when_table);
	example(out, "faults", "process.kill: {service: store/store}",
		"    when: {after: 40 sales}\n");
	for (size_t i = 0; i < fault_table_count; i++)
		write_fault(out, fault_table[i]);
	buf_adds(out, "\n## Checks\n");
	for (size_t i = 0; i < check_table_count; i++)
		write_check(out, check_table[i]);
	buf_adds(out, "\n## Keys\n");
	write_keys(out, "An experiment file", experiment_table);
	write_keys(out, "A target file", target_table);
	write_keys(out, "`driver:` of a target file", driver_table);
	write_keys(out, "`books:` of a target file", books_table);
}
