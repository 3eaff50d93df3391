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

extern const struct fault_ops fault_bank_approve_then_drop, fault_bank_decline, fault_bank_down,
	fault_bank_duplicate_reply, fault_bank_error, fault_bank_slow;
extern const struct fault_ops fault_clock_drift, fault_clock_freeze, fault_clock_jump,
	fault_clock_set, fault_clock_strobe;
extern const struct fault_ops fault_device_busy, fault_device_silent, fault_device_slow,
	fault_device_unplug;
extern const struct fault_ops fault_printer_cover_open, fault_printer_paper_low,
	fault_printer_paper_out;
extern const struct fault_ops fault_lib_alloc_fail, fault_lib_fail, fault_lib_resolver;
extern const struct fault_ops fault_disk_bitrot, fault_disk_error, fault_disk_full,
	fault_disk_inode_full, fault_disk_misdirect, fault_disk_permission, fault_disk_quota,
	fault_disk_readonly, fault_disk_short_write, fault_disk_slow, fault_disk_stale_read,
	fault_disk_torn_write, fault_disk_vanish;

extern const struct fault_ops fault_call_fail, fault_call_interrupt, fault_call_short,
	fault_call_slow, fault_call_slow_return;

/*
 * The explicit, sorted list of every fault. Not constructors: a constructor in
 * an unreferenced archive member is dropped by the linker, and the order must
 * be stable for replay. A new fault is one line here and one above.
 */
extern const struct fault_ops fault_cpu_starve, fault_file_size_limit, fault_files_limit,
	fault_memory_limit;
extern const struct fault_ops fault_dns_fail, fault_dns_slow, fault_dns_wrong,
	fault_net_accept_stall, fault_net_corrupt, fault_net_cut, fault_net_delay,
	fault_net_drop, fault_net_duplicate, fault_net_halfopen, fault_net_mtu,
	fault_net_partition, fault_net_port_exhaustion, fault_net_rate, fault_net_refuse,
	fault_net_reorder, fault_net_reply_late, fault_net_reply_lost, fault_net_reset,
	fault_noop, fault_power_cut, fault_process_hang, fault_process_kill, fault_process_limit,
	fault_process_restart;

const struct fault_ops *const fault_table[] = {
	&fault_bank_approve_then_drop,
	&fault_bank_decline,
	&fault_bank_down,
	&fault_bank_duplicate_reply,
	&fault_bank_error,
	&fault_bank_slow,
	&fault_call_fail,
	&fault_call_interrupt,
	&fault_call_short,
	&fault_call_slow,
	&fault_call_slow_return,
	&fault_clock_drift,
	&fault_clock_freeze,
	&fault_clock_jump,
	&fault_clock_set,
	&fault_clock_strobe,
	&fault_cpu_starve,
	&fault_device_busy,
	&fault_device_silent,
	&fault_device_slow,
	&fault_device_unplug,
	&fault_disk_bitrot,
	&fault_disk_error,
	&fault_disk_full,
	&fault_disk_inode_full,
	&fault_disk_misdirect,
	&fault_disk_permission,
	&fault_disk_quota,
	&fault_disk_readonly,
	&fault_disk_short_write,
	&fault_disk_slow,
	&fault_disk_stale_read,
	&fault_disk_torn_write,
	&fault_disk_vanish,
	&fault_dns_fail,
	&fault_dns_slow,
	&fault_dns_wrong,
	&fault_file_size_limit,
	&fault_files_limit,
	&fault_lib_alloc_fail,
	&fault_lib_fail,
	&fault_lib_resolver,
	&fault_memory_limit,
	&fault_net_accept_stall,
	&fault_net_corrupt,
	&fault_net_cut,
	&fault_net_delay,
	&fault_net_drop,
	&fault_net_duplicate,
	&fault_net_halfopen,
	&fault_net_mtu,
	&fault_net_partition,
	&fault_net_port_exhaustion,
	&fault_net_rate,
	&fault_net_refuse,
	&fault_net_reorder,
	&fault_net_reply_late,
	&fault_net_reply_lost,
	&fault_net_reset,
	&fault_noop,
	&fault_power_cut,
	&fault_printer_cover_open,
	&fault_printer_paper_low,
	&fault_printer_paper_out,
	&fault_process_hang,
	&fault_process_kill,
	&fault_process_limit,
	&fault_process_restart,
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
