/* SPDX-License-Identifier: Apache-2.0 */
#include "faults/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "ledger/ledger.h"

#define FAULT(name) extern const struct fault_ops fault_##name;
#include "faults/list.h"
#undef FAULT

const struct fault_ops *const fault_table[] = {
#define FAULT(name) &fault_##name,
#include "faults/list.h"
#undef FAULT
};
const size_t fault_table_count = ARRAY_SIZE(fault_table);

static struct conf_kind kinds[ARRAY_SIZE(fault_table)];
static pthread_once_t kinds_once = PTHREAD_ONCE_INIT;

static void kinds_fill(void)
{
	for (size_t i = 0; i < fault_table_count; i++) {
		const struct fault_ops *f = fault_table[i];

		kinds[i] = (struct conf_kind){ .name = f->name, .summary = f->summary,
					       .opts = f->opts, .check = f->check, .ops = f };
	}
}

const struct conf_kind *fault_kinds(size_t *ret_count)
{
	pthread_once(&kinds_once, kinds_fill);
	*ret_count = fault_table_count;
	return kinds;
}

/* What a table lacks, or NULL. */
static const char *table_gap(const struct fault_ops *f)
{
	if (!f->name || !f->name[0])
		return "a name";
	if (!f->summary)
		return "a summary";
	if (!f->opts.rows || !f->opts.size)
		return "an option table";
	if (!f->arm || !f->disarm)
		return "arm and disarm";
	if (!f->describe)
		return "describe";
	if (!f->cost || !f->privilege || !f->example)
		return "cost, privilege and example for the reference";
	return NULL;
}

int fault_table_check(struct err *e)
{
	for (size_t i = 0; i < fault_table_count; i++) {
		const char *gap = table_gap(fault_table[i]);

		if (gap)
			return err_set(e, EINVAL, "fault %s has no %s",
				       fault_table[i]->name ? fault_table[i]->name : "?", gap);
		if (i && strcmp(fault_table[i - 1]->name, fault_table[i]->name) >= 0)
			return err_set(e, EINVAL, "fault table: %s does not sort after %s",
				       fault_table[i]->name, fault_table[i - 1]->name);
	}
	return 0;
}

void run_fired(struct run *r, const char *node, const char *process, const char *object,
	       const char *fmt, ...)
{
	char did[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did, sizeof(did), fmt, ap);
	va_end(ap);
	r->emit(r, EV_FIRED, node, process, object, did);
	r->many = r->at_ns = 0;
}

void run_note(struct run *r, const char *node, const char *object, const char *fmt, ...)
{
	char did[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did, sizeof(did), fmt, ap);
	va_end(ap);
	r->emit(r, EV_NOTE, node, NULL, object, did);
}

void run_skipped(struct run *r, const char *node, const char *object, const char *fmt, ...)
{
	char did[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(did, sizeof(did), fmt, ap);
	va_end(ap);
	r->emit(r, EV_SKIPPED, node, NULL, object, did);
}
