/* SPDX-License-Identifier: Apache-2.0 */
/* Every member of verdict.json: where it is kept, and what it says. */
#include "report/summary_rows.h"

#include "base/cleanup.h"
#include "report/summary.h"

static const struct field top_fields[] = {
	FIELD_HELP(I64, summary, format, "of this file; another number is another shape"),
	FIELD_HELP(STRING, summary, verdict, "of the trial"),
	FIELD_HELP(I64, summary, exit, "exit code of this verdict alone"),
	FIELD_HELP(STRING, summary, why, "one sentence"),
	FIELD_HELP(STRING, summary, blame,
		   "baseline, fault, harness, host, target, interrupted; null: nobody"),
	FIELD_HELP(STRING, summary, expect_note, "what became of a verdict that was expected"),
	FIELD_HELP(BOOL, summary, expected,
		   "the file expects what happened, so that it counts as holds"),
	FIELD_HELP(BOOL, summary, interrupted, "stopped by hand"),
	FIELD_HELP(BOOL, summary, good_day, "every fault was off"),
	FIELD_HELP(STRING, summary, experiment, "its name: the path below experiments/"),
	FIELD_HELP(STRING, summary, title, "as the file has it"),
	FIELD_HELP(STRING, summary, source, "path of the experiment file"),
	FIELD_HELP(I64, summary, seed, "of every draw"),
	FIELD_HELP(STRING, summary, target, "its name"),
	FIELD_HELP(STRING, summary, digest, "of all that the target is made from"),
	FIELD_HELP(STRING, summary, currency, "of amounts that name none"),
	FIELD_HELP(I64, summary, pace_milli, "shop time is real time times this, in thousandths"),
	FIELD_HELP(STRING, summary, reproduce, "command that runs it again"),
	FIELD_HELP(STRING, summary, replay,
		   "command that runs it again and compares what the faults did"),
	FIELD_HELP(STRING, summary, dir, "where the results are"),
	FIELD_HELP(STRING, summary, story_key, "the sale of the first story"),
	FIELD_HELP(STRING, summary, story, "the first story as text"),
};

static const struct field time_fields[] = {
	FIELD_HELP(I64, summary, wall_ns, "the whole trial took"),
	FIELD_HELP(I64, summary, own_ns, "of that, neither shopping nor starting the target"),
	FIELD_HELP(F64, summary, rate, "sales told ok per second of real time"),
	FIELD_HELP(I64, summary, p95_ns, "95 % of checkouts were faster; shop time"),
};

static const struct field check_fields[] = {
	FIELD_HELP(STRING, sum_check, name, "of the check"),
	FIELD_HELP(STRING, sum_check, promise, "what it promises"),
	FIELD_HELP(STRING, sum_check, verdict, "of this promise"),
	FIELD_HELP(STRING, sum_check, figure, "what was seen"),
	FIELD_HELP(STRING, sum_check, limit, "what is allowed"),
	FIELD_HELP(STRING, sum_check, margin,
		   "how far the figure is from the limit; null: nothing at all is allowed"),
	FIELD_HELP(STRING, sum_check, why, "one sentence"),
	FIELD_HELP(I64, sum_check, judged, "how much there was to judge"),
	FIELD_HELP(I64, sum_check, violations, "how often it was broken"),
};

static const struct field witness_fields[] = {
	FIELD_HELP(STRING, sum_witness, key, "the sale; null: it is about no single one"),
	FIELD_HELP(STRING, sum_witness, what, "one sentence"),
};

static const struct field fault_fields[] = {
	FIELD_HELP(STRING, sum_fault, name, "of the fault"),
	FIELD_HELP(STRING, sum_fault, describe, "what it does here"),
	FIELD_HELP(STRING, sum_fault, when, "its trigger in words"),
	FIELD_HELP(I64, sum_fault, armed, "how often it came into effect"),
	FIELD_HELP(I64, sum_fault, fired, "calls, packets, bytes ... it altered"),
	FIELD_HELP(I64, sum_fault, skipped, "how often there was nothing to alter"),
};

static const struct field phase_fields[] = {
	FIELD_HELP(STRING, sum_phase, name, "that began"),
	FIELD_HELP(I64, sum_phase, t_ns, "when, since the trial began"),
};

static const struct field link_fields[] = {
	FIELD_HELP(STRING, trial_link, from, "node"),
	FIELD_HELP(STRING, trial_link, to, "node"),
	FIELD_HELP(I64, trial_link, packets, "sent this way"),
	FIELD_HELP(I64, trial_link, bytes, "in them"),
	FIELD_HELP(I64, trial_link, dropped, "of them, that never arrived"),
	FIELD_HELP(I64, trial_link, again, "TCP packets that repeat data"),
	FIELD_HELP(I64, trial_link, handshakes, "connections opened this way"),
	FIELD_HELP(I64, trial_link, rtt_min_ns, "of a handshake: the quickest"),
	FIELD_HELP(I64, trial_link, rtt_mean_ns, "on average"),
	FIELD_HELP(I64, trial_link, rtt_max_ns, "the slowest"),
};

static const struct field reach_fields[] = {
	FIELD_HELP(STRING, trial_reach, service, "node/service"),
	FIELD_HELP(STRING, trial_reach, program, "it runs"),
	FIELD_HELP(STRING, trial_reach, linked, "static or dynamic"),
	FIELD_HELP(STRING, trial_reach, libc, "the C library it loads"),
	FIELD_HELP(STRING, trial_reach, language, "it was written in, where that shows"),
	FIELD_HELP(STRING, trial_reach, layers, "that see it"),
	FIELD_HELP(STRING, trial_reach, filtered, "calls that were looked at"),
	FIELD_HELP(STRING, trial_reach, beyond, "what is out of reach"),
	FIELD_HELP(I64, trial_reach, calls, "how many were looked at"),
	FIELD_HELP(I64, trial_reach, altered, "how many were altered"),
	FIELD_HELP(I64, trial_reach, rings, "io_uring asked for and denied"),
	FIELD_HELP(I64, trial_reach, listeners, "filters of its own that notify, refused"),
	FIELD_HELP(I64, trial_reach, foreign, "calls of 32-bit programs, left alone"),
	FIELD_HELP(I64, trial_reach, loaded, "times our library was loaded"),
};

static const struct field fact_fields[] = {
	FIELD_HELP(I64, trial_facts, open_ns, "first intended arrival, since the trial began"),
	FIELD_HELP(I64, trial_facts, close_ns, "last shopper gone"),
	FIELD_HELP(I64, trial_facts, heal_ns, "last fault healed; -1: none was armed"),
	FIELD_HELP(I64, trial_facts, settled_ns, "all was at rest; -1: never within the cap"),
	FIELD_HELP(I64, trial_facts, late_p99_ns,
		   "99 % of arrivals and requests started within this"),
	FIELD_HELP(I64, trial_facts, timer_p99_ns, "and 99 % of the timers"),
	FIELD_HELP(F64, trial_facts, steal, "CPU time stolen from this machine, as a share"),
	FIELD_HELP(F64, trial_facts, pressure,
		   "time in which something waited for a CPU, as a share; below 0: not known"),
	FIELD_HELP(BOOL, trial_facts, books_read, "could the books be read?"),
	FIELD_HELP(TEXT, trial_facts, books_why, "else why not"),
	FIELD_HELP(BOOL, trial_facts, has_start_books, "were they read before opening?"),
	FIELD_HELP(BOOL, trial_facts, faults_off, "this is the good day"),
	FIELD_HELP(F64, trial_facts, baseline_rate, "of the good day; below 0: there was none"),
	FIELD_HELP(I64, trial_facts, baseline_p95_ns, "of the good day"),
	FIELD_HELP(I64, trial_facts, baseline_system_p50_ns,
		   "of the good day: the software's own time in a checkout"),
	FIELD_HELP(I64, trial_facts, human_mean_ns, "time of people in a checkout; shop time"),
	FIELD_HELP(I64, trial_facts, pcap_packets, "packets in wire.pcapng"),
	FIELD_HELP(I64, trial_facts, pcap_missing, "packets that should be there and are not"),
	FIELD_HELP(I64, trial_facts, wire_overrun, "packets lost by this machine, by no fault"),
	FIELD_HELP(TEXT, trial_facts, pcap_note, "what the file lacks, in words"),
};

static const struct field ledger_fields[] = {
	FIELD_HELP(I64, sum_ledgers, told, "sales that shoppers were told about"),
	FIELD_HELP(I64, sum_ledgers, ok, "told ok"),
	FIELD_HELP(I64, sum_ledgers, refused, "told refused"),
	FIELD_HELP(I64, sum_ledgers, unknown, "left in doubt"),
	FIELD_HELP(I64, sum_ledgers, acknowledged, "ok, or let go with the goods otherwise"),
	FIELD_HELP(I64, sum_ledgers, left, "walked out"),
	FIELD_HELP(I64, sum_ledgers, missed_trains, "shoppers who missed theirs"),
	FIELD_HELP(I64, sum_ledgers, books, "sales recorded"),
	FIELD_HELP(I64, sum_ledgers, matched, "told and recorded once"),
	FIELD_HELP(I64, sum_ledgers, missing, "acknowledged and not recorded"),
	FIELD_HELP(I64, sum_ledgers, duplicated, "recorded more than once"),
	FIELD_HELP(I64, sum_ledgers, phantom, "recorded and never told of"),
	FIELD_HELP(I64, sum_ledgers, unkeyed, "recorded without a key"),
	FIELD_HELP(I64, sum_ledgers, bank, "records of the bank"),
	FIELD_HELP(I64, sum_ledgers, paper, "receipts"),
	FIELD_HELP(I64, sum_ledgers, drawer, "pulses"),
	FIELD_HELP(BOOL, sum_ledgers, has_bank, "did the harness play one?"),
	FIELD_HELP(BOOL, sum_ledgers, has_paper, "did it play printers?"),
	FIELD_HELP(BOOL, sum_ledgers, has_drawer, "and drawers?"),
};

static const struct field reconciled_fields[] = {
	FIELD_HELP(I64, sum_reconciled, sales, "keys that any ledger knows"),
	FIELD_HELP(I64, sum_reconciled, plain, "of them, told alike by all"),
	FIELD_HELP(I64, sum_reconciled, lost, "acknowledged and in no book"),
	FIELD_HELP(I64, sum_reconciled, doubled, "in the books more than once"),
	FIELD_HELP(I64, sum_reconciled, phantom, "in the books, and should not be"),
	FIELD_HELP(I64, sum_reconciled, amount, "amounts that differ"),
	FIELD_HELP(I64, sum_reconciled, charge, "charged twice or for nothing"),
	FIELD_HELP(I64, sum_reconciled, unknown, "nobody said clearly how it ended"),
};

static const struct field story_head_fields[] = {
	FIELD_HELP(STRING, sum_story, check, "the promise it is about"),
	FIELD_HELP(STRING, sum_story, text, "as the terminal shows it"),
};

static const struct field story_fields[] = {
	FIELD_HELP(STRING, story, key, "the sale"),
	FIELD_HELP(STRING, story, lane, "where it was made"),
	FIELD_HELP(I64, story, from_ns, "at the till, from opening"),
	FIELD_HELP(I64, story, to_ns, "until; below from_ns: not known"),
	FIELD_HELP(I64, story, left_out, "events near it that are only in events.ndjson"),
	FIELD_HELP(STRING, story, torn, "text of a receipt that was torn; null: none"),
};

static const struct field line_fields[] = {
	FIELD_HELP(STRING, story_line, text, "without the time"),
	FIELD_HELP(BOOL, story_line, event, "of the event log, not of a ledger"),
	FIELD_HELP(BOOL, story_line, decisive, "it did it, as far as can be seen"),
	FIELD_HELP(I64, story_line, hit, "of that fault; 0: none"),
	FIELD_HELP(I64, story_line, packet, "its number in wire.pcapng; 0: none"),
};

#define ROWS(name) const struct field_rows name##_rows = {name##_fields, ARRAY_SIZE(name##_fields)}
ROWS(top);
ROWS(time);
ROWS(check);
ROWS(witness);
ROWS(fault);
ROWS(phase);
ROWS(link);
ROWS(reach);
ROWS(fact);
ROWS(ledger);
ROWS(reconciled);
ROWS(story_head);
ROWS(story);
ROWS(line);
