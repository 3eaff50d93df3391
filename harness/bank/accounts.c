/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A payment goes through few states:
 *
 *   authorise ─► declined
 *             └► authorised ─► captured        (at once, when asked for)
 *                     └─► reversed ◄─┘
 *
 * An advice of what somebody approved offline is taken as it is: nobody can say
 * no to what has happened.
 *
 * Everything is remembered by its idempotency key: the same key again does
 * nothing and is answered with what came of it the first time; with other
 * contents it is refused (422). A reversal of a payment that nobody has asked
 * for yet is remembered too: should the request that it overtook arrive, it is
 * declined. That is what hosts of the field do, and without it a till that
 * gives up correctly could still be charged.
 *
 * Nothing is forgotten during a trial; a payment takes about 600 bytes.
 */
#include "bank/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "ledger/ledger.h"

#define BUCKETS 8192

enum state { DECLINED, AUTHORISED, CAPTURED, REVERSED, VOID };
static const char *const state_names[] = { "declined", "authorised", "captured", "reversed",
					   "reversed" };

struct payment {
	struct payment *next; /* in its bucket, by idempotency key */
	struct bank_request ask;
	char id[BANK_ID_MAX];
	char code[BANK_CODE_MAX];
	enum state state;     /* VOID: reversed before it came */
	int64_t authorised, captured, reversed;
};

struct tries {
	struct tries *next;
	uint64_t name, count;
};

struct accounts {
	void (*record)(void *arg, const struct bank_rec *r);
	void *arg;
	struct payment **all; /* owned, with what they point to; by number, from 0 */
	size_t count, size;
	struct payment *buckets[BUCKETS];
	struct tries *tries[BUCKETS];
};

struct accounts *accounts_new(void (*record)(void *arg, const struct bank_rec *r), void *arg)
{
	struct accounts *a = xcalloc(1, sizeof(*a));

	a->record = record;
	a->arg = arg;
	return a;
}

void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++)
		free(a->all[i]);
	for (size_t i = 0; i < BUCKETS; i++)
		while (a->tries[i]) {
			struct tries *t = a->tries[i];

			a->tries[i] = t->next;
			free(t);
		}
	free(a->all);
	free(a);
}

static uint64_t hash_of(const char *s)
{
	return draw_siphash(1, 2, s, strlen(s));
}

uint64_t accounts_nth(struct accounts *a, enum bank_op op, const char *reference)
{
	uint64_t name = hash_of(reference) * BANK_OPS + op;
	struct tries **t = &a->tries[name % BUCKETS];

	while (*t && (*t)->name != name)
		t = &(*t)->next;
	if (!*t) {
		*t = xcalloc(1, sizeof(**t));
		(*t)->name = name;
	}
	return ++(*t)->count;
}

/* ---- finding ---- */

static struct payment *by_key(const struct accounts *a, const char *idem)
{
	struct payment *p = a->buckets[hash_of(idem) % BUCKETS];

	while (p && strcmp(p->ask.idem, idem))
		p = p->next;
	return p;
}

static struct payment *by_id(const struct accounts *a, const char *id)
{
	char *end;
	unsigned long n = strncmp(id, "pay_", 4) ? 0 : strtoul(id + 4, &end, 10);

	if (!n || n > a->count || strcmp(a->all[n - 1]->id, id))
		return NULL;
	return a->all[n - 1];
}

static struct payment *find(const struct accounts *a, const struct bank_request *r)
{
	return r->id[0] ? by_id(a, r->id) : r->original[0] ? by_key(a, r->original) : NULL;
}

void accounts_reference(const struct accounts *a, struct bank_request *r)
{
	const struct payment *p = r->op == BANK_AUTHORISE ? NULL : find(a, r);

	if (p && !r->reference[0])
		memcpy(r->reference, p->ask.reference, sizeof(r->reference));
}

static struct payment *add(struct accounts *a, const struct bank_request *r, const char *idem)
{
	struct payment *p = xcalloc(1, sizeof(*p)), **bucket;

	if (a->count == a->size) {
		a->size = a->size ? 2 * a->size : 256;
		a->all = xrealloc(a->all, a->size * sizeof(*a->all));
	}
	a->all[a->count++] = p;
	p->ask = *r;
	snprintf(p->ask.idem, sizeof(p->ask.idem), "%s", idem);
	snprintf(p->id, sizeof(p->id), "pay_%zu", a->count);
	if (idem[0]) {
		bucket = &a->buckets[hash_of(idem) % BUCKETS];
		p->next = *bucket;
		*bucket = p;
	}
	return p;
}

/* ---- telling ---- */

static void record(struct accounts *a, const struct payment *p, int64_t now_ns, const char *what,
		   int64_t amount)
{
	struct bank_rec r = { .t_ns = now_ns, .key = p->ask.reference, .rrn = p->id,
			      .tid = p->ask.tid[0] ? p->ask.tid : NULL,
			      .stan = p->ask.stan[0] ? p->ask.stan : NULL,
			      .currency = p->ask.currency, .what = what, .amount = amount };

	a->record(a->arg, &r);
}

static void answer(struct bank_answer *ret, const struct payment *p, int status, bool replayed)
{
	*ret = (struct bank_answer){ .status = status, .state = state_names[p->state],
				     .authorised = p->authorised, .captured = p->captured,
				     .reversed = p->reversed, .replayed = replayed };
	memcpy(ret->code, p->code, sizeof(ret->code));
	memcpy(ret->id, p->id, sizeof(ret->id));
	memcpy(ret->reference, p->ask.reference, sizeof(ret->reference));
	memcpy(ret->currency, p->ask.currency, sizeof(ret->currency));
}

static void fail(struct bank_answer *ret, int status, const char *code, const char *why)
{
	*ret = (struct bank_answer){ .status = status, .why = why };
	snprintf(ret->code, sizeof(ret->code), "%s", code);
}

/* ---- doing ---- */

static void decline(struct accounts *a, struct payment *p, int64_t now_ns, const char *code)
{
	p->state = p->state == VOID ? VOID : DECLINED;
	snprintf(p->code, sizeof(p->code), "%s", code);
	record(a, p, now_ns, "declined", p->ask.amount);
}

static void approve(struct accounts *a, struct payment *p, int64_t now_ns)
{
	p->authorised = p->ask.amount;
	p->state = AUTHORISED;
	snprintf(p->code, sizeof(p->code), "00");
	record(a, p, now_ns, "authorised", p->authorised);
	if (!p->ask.capture)
		return;
	p->captured = p->authorised;
	p->state = CAPTURED;
	record(a, p, now_ns, "captured", p->captured);
}

static bool same(const struct bank_request *x, const struct bank_request *y)
{
	return x->amount == y->amount && x->capture == y->capture &&
	       !strcmp(x->reference, y->reference) && !strcmp(x->currency, y->currency);
}

/* Its reversal came first: whoever asked has given it up. */
static void too_late(struct accounts *a, struct payment *p, const struct bank_request *r,
		     int64_t now_ns, struct bank_answer *ret)
{
	char idem[BANK_TEXT_MAX];

	memcpy(idem, p->ask.idem, sizeof(idem));
	p->ask = *r;
	memcpy(p->ask.idem, idem, sizeof(idem));
	decline(a, p, now_ns, "25");
	answer(ret, p, 201, false);
	ret->state = "declined";
}

static void authorise(struct accounts *a, const struct bank_request *r, int64_t now_ns,
		      const char *no, struct bank_answer *ret)
{
	struct payment *p = r->idem[0] ? by_key(a, r->idem) : NULL;

	if (p && p->state == VOID && !p->ask.reference[0]) {
		too_late(a, p, r, now_ns, ret);
		return;
	}
	if (p && !same(&p->ask, r)) {
		fail(ret, 422, "94", "this idempotency key belongs to another request");
		return;
	}
	if (p) {
		answer(ret, p, 200, true);
		if (p->state == VOID)
			ret->state = "declined";
		return;
	}
	p = add(a, r, r->idem);
	if (no)
		decline(a, p, now_ns, no);
	else
		approve(a, p, now_ns);
	answer(ret, p, 201, false);
}

static void capture(struct accounts *a, struct payment *p, const struct bank_request *r,
		    int64_t now_ns, struct bank_answer *ret)
{
	int64_t amount = r->amount < 0 ? p->authorised : r->amount;
	bool again = p->state == CAPTURED && amount == p->captured;

	if (again) {
		answer(ret, p, 200, true);
		return;
	}
	if (p->state != AUTHORISED || amount > p->authorised) {
		fail(ret, 409, "12", p->state == AUTHORISED ? "more than was authorised"
							    : "this payment is not authorised");
		return;
	}
	p->captured = amount;
	p->state = CAPTURED;
	record(a, p, now_ns, "captured", amount);
	answer(ret, p, 200, false);
}

/* All of it, once; what was declined has nothing to give back, and that is fine. */
static void reverse(struct accounts *a, struct payment *p, int64_t now_ns,
		    struct bank_answer *ret)
{
	bool held = p->state == AUTHORISED || p->state == CAPTURED;

	if (held) {
		p->reversed = p->state == CAPTURED ? p->captured : p->authorised;
		p->state = REVERSED;
		record(a, p, now_ns, "reversed", p->reversed);
	}
	answer(ret, p, 200, !held);
	snprintf(ret->code, sizeof(ret->code), "00");
}

/* Nobody has asked for it: remembered, in case the request is still on its way. */
static void reverse_unseen(struct accounts *a, const struct bank_request *r,
			   struct bank_answer *ret)
{
	struct bank_request none = { .op = BANK_AUTHORISE };
	struct payment *p;

	memcpy(none.tid, r->tid, sizeof(none.tid));
	p = add(a, &none, r->original);

	p->state = VOID;
	snprintf(p->code, sizeof(p->code), "00");
	answer(ret, p, 200, false);
}

void accounts_do(struct accounts *a, const struct bank_request *r, int64_t now_ns,
		 const char *no, struct bank_answer *ret)
{
	struct payment *p;

	if (r->op == BANK_AUTHORISE) {
		authorise(a, r, now_ns, no, ret);
		return;
	}
	if (r->op == BANK_CAPTURE && r->forced && !r->original[0]) {
		authorise(a, r, now_ns, NULL, ret);
		return;
	}
	p = find(a, r);
	if (!p && r->op == BANK_REVERSE && r->original[0])
		reverse_unseen(a, r, ret);
	else if (!p || (p->state == VOID && r->op != BANK_REVERSE))
		fail(ret, 404, "25", "there is no such payment");
	else if (r->op == BANK_CAPTURE)
		capture(a, p, r, now_ns, ret);
	else if (r->op == BANK_REVERSE)
		reverse(a, p, now_ns, ret);
	else
		answer(ret, p, 200, false);
}
