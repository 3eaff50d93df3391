/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/record.h"

#include "base/cleanup.h"
#include "ledger/ledger.h"

/* Tables: laid out by hand. */
/* clang-format off */
const char *const outcome_names[OUTCOMES_COUNT] = {
	[TOLD_OK] = "ok",
	[TOLD_REFUSED] = "refused",
	[TOLD_UNKNOWN] = "unknown",
};

const char *const book_names[BOOK_WHATS] = {
	[BOOK_SALE] = "sale",	    [BOOK_PAYMENT] = "payment", [BOOK_STOCK] = "stock",
	[BOOK_RECEIPT] = "receipt", [BOOK_LINE] = "line",
	[BOOK_INVARIANT] = "invariant",
};

const char *const event_names[EVENT_KINDS] = {
	[EV_PHASE] = "phase",	[EV_ARMED] = "armed", [EV_FIRED] = "fired",
	[EV_SKIPPED] = "skipped", [EV_HEALED] = "healed", [EV_STARTED] = "started",
	[EV_READY] = "ready",	[EV_EXITED] = "exited", [EV_KILLED] = "killed",
	[EV_LANE] = "lane",	[EV_LOG] = "log",     [EV_NOTE] = "note",
};

const char *const ledger_file_names[LEDGER_FILES] = {
	[FILE_TOLD] = "told.ndjson",   [FILE_BOOKS] = "books.ndjson",
	[FILE_BANK] = "bank.ndjson",   [FILE_PAPER] = "paper.ndjson",
	[FILE_DRAWER] = "drawer.ndjson", [FILE_EVENTS] = "events.ndjson",
};

#define MEMBER(field, t, fl)                                                                       \
	.text = ",\"" #field "\":", .text_len = sizeof(",\"" #field "\":") - 1,                    \
	.offset = offsetof(struct RECORD, field), .type = (t), .flags = (fl)
/* a type mistake in a row must not compile */
#define OF_TYPE(field, t) _Generic(((struct RECORD *)0)->field, t: 0)
#define STRING(field, fl) {MEMBER(field, MEMBER_STRING, (fl) + OF_TYPE(field, const char *))}
#define INT(field, fl, none)                                                                       \
	{MEMBER(field, MEMBER_INT64, (fl) + OF_TYPE(field, int64_t)), .absent = (none)}
#define SMALL(field, fl, none)                                                                     \
	{MEMBER(field, MEMBER_INT, (fl) + OF_TYPE(field, int)), .absent = (none)}
#define BOOL(field) {MEMBER(field, MEMBER_BOOL, OF_TYPE(field, bool))}
#define ENUM(field, list, count)                                                                   \
	{MEMBER(field, MEMBER_ENUM, MEMBER_REQUIRED + OF_TYPE(field, int)), .names = (list),       \
	 .names_count = (count)}
#define ALWAYS MEMBER_REQUIRED
#define WORD MEMBER_WORD
#define WHOLE MEMBER_WHOLE

#define RECORD told
static const struct member told_members[] = {
	STRING(key, ALWAYS | WHOLE), STRING(lane, WORD),
	INT(intended_ns, ALWAYS, 0), INT(start_ns, ALWAYS, 0), INT(end_ns, ALWAYS, 0),
	ENUM(outcome, outcome_names, OUTCOMES_COUNT),
	STRING(receipt, WHOLE), INT(total, 0, -1), STRING(currency, WORD), STRING(tender, WORD),
	STRING(basket, WHOLE), STRING(kind, WORD), STRING(error, WORD), STRING(slowest, WORD),
	INT(shopper, 0, -1), INT(system_ns, 0, 0), INT(slowest_ns, 0, 0), INT(expected, 0, -1),
	INT(attempts, 0, 0), BOOL(acknowledged), BOOL(offline), BOOL(train_missed), BOOL(warm),
};
#undef RECORD

#define RECORD left
static const struct member left_members[] = {
	INT(shopper, 0, -1), INT(intended_ns, ALWAYS, 0), INT(left_ns, ALWAYS, 0),
	STRING(lane, WORD), STRING(why, WORD), BOOL(train_missed),
};
#undef RECORD

#define RECORD book
static const struct member book_members[] = {
	ENUM(what, book_names, BOOK_WHATS), BOOL(start), STRING(key, WHOLE),
	INT(total, 0, INT64_MIN), STRING(currency, WORD), STRING(receipt, WHOLE),
	STRING(series, WORD), INT(number, 0, INT64_MIN), STRING(lane, WORD), STRING(state, WORD),
	STRING(tender, WORD), STRING(sku, WHOLE), INT(qty, 0, 0), STRING(time, 0),
};
#undef RECORD

#define RECORD bank_rec
static const struct member bank_members[] = {
	INT(t_ns, ALWAYS, 0), STRING(key, WHOLE), STRING(what, ALWAYS | WORD), STRING(tid, WORD),
	STRING(stan, 0), STRING(rrn, WHOLE), INT(amount, ALWAYS, 0), STRING(currency, WORD),
};
#undef RECORD

#define RECORD paper_rec
static const struct member paper_members[] = {
	INT(t_ns, ALWAYS, 0), STRING(device, WORD), STRING(key, WHOLE), STRING(receipt, WHOLE),
	INT(total, 0, INT64_MIN), BOOL(cut), BOOL(copy), STRING(text, 0),
};
#undef RECORD

#define RECORD drawer_rec
static const struct member drawer_members[] = {
	INT(t_ns, ALWAYS, 0), STRING(device, WORD), STRING(key, WHOLE), STRING(what, ALWAYS | WORD),
	INT(amount, 0, 0),
};
#undef RECORD

#define RECORD event
static const struct member event_members[] = {
	INT(seq, ALWAYS, 0), INT(t_ns, ALWAYS, 0), ENUM(kind, event_names, EVENT_KINDS),
	SMALL(fault, 0, -1), INT(hit, 0, 0), STRING(node, WORD), STRING(process, WORD),
	STRING(object, WORD), STRING(did, 0),
};
#undef RECORD

#define ROW(label, to, type, table)                                                                \
	{.name = (label), .file = (to), .size = sizeof(type), .members = (table),                  \
	 .members_count = ARRAY_SIZE(table)}

const struct record records[RECORD_KINDS] = {
	[RECORD_TOLD] = ROW("told", FILE_TOLD, struct told, told_members),
	[RECORD_LEFT] = ROW("left", FILE_TOLD, struct left, left_members),
	[RECORD_BOOK] = ROW("book", FILE_BOOKS, struct book, book_members),
	[RECORD_BANK] = ROW("bank", FILE_BANK, struct bank_rec, bank_members),
	[RECORD_PAPER] = ROW("paper", FILE_PAPER, struct paper_rec, paper_members),
	[RECORD_DRAWER] = ROW("drawer", FILE_DRAWER, struct drawer_rec, drawer_members),
	[RECORD_EVENT] = ROW("event", FILE_EVENTS, struct event, event_members),
};

/* clang-format on */

_Static_assert(ARRAY_SIZE(told_members) <= RECORD_MEMBERS_MAX, "raise RECORD_MEMBERS_MAX");
