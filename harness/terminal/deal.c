/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. One payment:
 *
 *   asked ─► card ─► bank ─► result ─► told
 *     │       │       │ │       ├─ lost, late, twice, the one before: faults
 *     │       │       │ └─ booted behind the bank's answer
 *     │       │       └─ no answer: the terminal gives it back itself, and says A1
 *     │       └─ nobody, aborted, the card says no
 *     └─ not acknowledged: nothing happens at all
 *
 * A terminal keeps each payment with its receipt number, whatever the till has
 * heard of it.
 */
#include "terminal/room.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OWNER_OF(type, member, p) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define RECEIPTS 9999
#define WANTS_PROGRESS 0x08 /* of the registration's configuration byte */
#define INSERT_CARD 0x0a

static bool meets(const struct pt *p, enum terminal_effect e)
{
	return p->fate[e] != NO_RULE && stand_rule(p->stand, p->fate[e]);
}

static int64_t delay_of(const struct pt *p, enum terminal_effect e)
{
	return meets(p, e) ? stand_rule(p->stand, p->fate[e])->delay_ns : 0;
}

/* The one that the terminal works at. */
static struct deal *under_way(struct pt *p)
{
	assert(p->deals_count);
	return &p->deals[p->deals_count - 1];
}

const struct deal *deal_last(const struct pt *p)
{
	return p->deals_count ? &p->deals[p->deals_count - 1] : NULL;
}

/* ---- begin ---- */

static void deal_add(struct pt *p, int64_t amount)
{
	unsigned receipt = p->deals_count ? p->deals[p->deals_count - 1].receipt % RECEIPTS + 1 : 1;

	if (p->deals_count == p->deals_size) {
		p->deals_size = p->deals_size ? 2 * p->deals_size : 64;
		p->deals = xrealloc(p->deals, p->deals_size * sizeof(*p->deals));
	}
	p->deals[p->deals_count++] = (struct deal){ .amount = amount, .receipt = receipt,
						    .result = ZVT_SYSTEM };
}

static bool somebody(const struct pt *p)
{
	return !p->crowd || p->card;
}

void deal_card(struct pt *p)
{
	const struct stand_opts *o = stand_conf(p->stand);
	int64_t wait = somebody(p) ? delay_of(p, TERMINAL_SHOPPER) : o->shopper_ns;

	if (p->state == PT_CARD)
		loop_timer_at(stand_loop(p->stand), &p->wake, clock_now() + wait);
}

bool deal_heard(struct pt *p)
{
	p->payments++;
	stand_choose(p->stand, p);
	if (!meets(p, TERMINAL_NO_ACK))
		return true;
	stand_hit(p->stand, p, TERMINAL_NO_ACK, false);
	return false;
}

void deal_begin(struct pt *p, int64_t amount)
{
	struct buf b = { 0 };

	deal_add(p, amount);
	p->orphan = false;
	p->state = PT_CARD;
	if (p->config & WANTS_PROGRESS) {
		zvt_add_byte(&b, 0, INSERT_CARD);
		zvt_add_byte(&b, 0, 1); /* minutes that this may take */
		pt_say(p, ZVT_PROGRESS, &b);
		buf_done(&b);
	}
	if (meets(p, TERMINAL_SHOPPER))
		stand_hit(p->stand, p, TERMINAL_SHOPPER, false);
	deal_card(p);
}

/* ---- result ---- */

static void over(struct pt *p)
{
	p->state = PT_IDLE;
	loop_timer_cancel(stand_loop(p->stand), &p->wake);
}

static void say_result(struct pt *p, const struct deal *d)
{
	struct buf b = { 0 };

	pt_status(p, d);
	if (meets(p, TERMINAL_TWICE)) {
		pt_status(p, d);
		stand_hit(p->stand, p, TERMINAL_TWICE, d->state == DEAL_APPROVED);
	}
	if (d->result == ZVT_OK) {
		pt_say(p, ZVT_DONE, NULL);
		return;
	}
	zvt_add_byte(&b, 0, d->result);
	pt_say(p, ZVT_FAILED, &b);
	buf_done(&b);
}

/* The last one before this that was approved; NULL. */
static const struct deal *previous(const struct pt *p)
{
	for (size_t i = p->deals_count - 1; i-- > 0;)
		if (p->deals[i].state == DEAL_APPROVED)
			return &p->deals[i];
	return NULL;
}

/* A till that comes later asks for itself: nobody tells it unasked. */
static bool listened_to(const struct pt *p)
{
	return pt_connected(p) && !p->orphan;
}

static void say(struct pt *p)
{
	const struct deal *d = under_way(p), *before = previous(p);

	if (!listened_to(p)) {
		over(p);
		return;
	}
	p->state = PT_TELL;
	if (before && meets(p, TERMINAL_PREVIOUS)) {
		stand_hit(p->stand, p, TERMINAL_PREVIOUS, d->state == DEAL_APPROVED);
		d = before;
	}
	say_result(p, d);
}

static void tell(struct pt *p)
{
	bool approved = under_way(p)->state == DEAL_APPROVED;

	if (meets(p, TERMINAL_LOST) && listened_to(p)) {
		stand_hit(p->stand, p, TERMINAL_LOST, approved);
		over(p);
		p->mute = true;
		p->mute_by = p->fate[TERMINAL_LOST];
		if (!stand_rule(p->stand, p->fate[TERMINAL_LOST])->silent)
			pt_hang_up(p, true);
		return;
	}
	if (meets(p, TERMINAL_LATE) && listened_to(p)) {
		stand_hit(p->stand, p, TERMINAL_LATE, approved);
		p->state = PT_LATE;
		loop_timer_at(stand_loop(p->stand), &p->wake,
			      clock_now() + delay_of(p, TERMINAL_LATE));
		return;
	}
	say(p);
}

void deal_told(struct pt *p)
{
	over(p);
}

static void end(struct pt *p, enum deal_state state, unsigned result)
{
	struct deal *d = under_way(p);

	d->state = state;
	d->result = result;
	tell(p);
}

void deal_cancel(struct pt *p)
{
	if (p->state == PT_CARD)
		end(p, DEAL_DECLINED, ZVT_ABORTED);
}

void deal_not_issued(struct pt *p)
{
	struct deal *d = under_way(p);

	if (p->state != PT_TELL || d->state != DEAL_APPROVED)
		return;
	d->state = DEAL_REVERSED;
	d->result = ZVT_NOT_ISSUED;
	d->owed = true;
	acquirer_owe(p);
}

/* ---- card and bank ---- */

static unsigned bcd_code(const char *code)
{
	unsigned hi = (unsigned)(code[0] - '0'), lo = (unsigned)(code[1] - '0');

	return hi <= 9 && lo <= 9 ? hi << 4 | lo : ZVT_SYSTEM;
}

static void ask_bank(struct pt *p)
{
	struct deal *d = under_way(p);
	time_t now = (time_t)(clock_wall() / NS_PER_S);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(d->sent_at, sizeof(d->sent_at), "%m%d%H%M%S", &tm);
	snprintf(d->key, sizeof(d->key), "%s", p->card ? p->key : "");
	if (meets(p, TERMINAL_DECLINE)) {
		stand_hit(p->stand, p, TERMINAL_DECLINE, false);
		end(p, DEAL_DECLINED,
		    bcd_code(stand_rule(p->stand, p->fate[TERMINAL_DECLINE])->code));
		return;
	}
	p->state = PT_BANK;
	acquirer_pay(p, d);
}

static void boot(struct pt *p)
{
	const struct terminal_rule *r = stand_rule(p->stand, p->fate[TERMINAL_REBOOT]);
	struct deal *d = under_way(p);

	stand_hit(p->stand, p, TERMINAL_REBOOT, d->state == DEAL_APPROVED);
	if (!r->keeps && d->state == DEAL_APPROVED) {
		d->state = DEAL_REVERSED;
		d->result = ZVT_REVERSED;
		d->owed = true;
	}
	p->state = PT_IDLE;
	p->off = true;
	p->config = 0;
	pt_hang_up(p, true);
	acquirer_close(p);
	loop_timer_at(stand_loop(p->stand), &p->wake, clock_now() + r->delay_ns);
}

static void booted(struct pt *p)
{
	p->off = false;
	acquirer_owe(p);
}

void deal_wake(struct loop_timer *t, int64_t now)
{
	struct pt *p = OWNER_OF(struct pt, wake, t);

	(void)now;
	if (p->off)
		booted(p);
	else if (p->state == PT_CARD && somebody(p))
		ask_bank(p);
	else if (p->state == PT_CARD)
		end(p, DEAL_DECLINED, ZVT_ABORTED);
	else if (p->state == PT_LATE)
		say(p);
}

/* ---- reversal ---- */

unsigned deal_reverse(struct pt *p, unsigned receipt)
{
	for (size_t i = p->deals_count; i-- > 0;) {
		struct deal *d = &p->deals[i];

		if (d->receipt != receipt)
			continue;
		if (d->state == DEAL_REVERSED || d->owed)
			return ZVT_REVERSED;
		if (d->state != DEAL_APPROVED)
			return ZVT_NO_REVERSAL;
		p->reversing = i;
		acquirer_reverse(p, d);
		return 0;
	}
	return ZVT_NO_REVERSAL;
}

/* The terminal goes on with it, whatever the till makes of A1. */
static void reversal_ended(struct pt *p, bool done)
{
	struct deal *d = &p->deals[p->reversing];
	struct deal back = *d;
	struct buf b = { 0 };

	p->reversing = SIZE_MAX;
	d->state = DEAL_REVERSED;
	d->result = ZVT_REVERSED;
	d->owed = !done;
	if (done) {
		back.result = ZVT_OK;
		pt_status(p, &back);
		pt_say(p, ZVT_DONE, NULL);
		return;
	}
	zvt_add_byte(&b, 0, ZVT_NO_BANK);
	pt_say(p, ZVT_FAILED, &b);
	buf_done(&b);
	acquirer_owe(p);
}

void deal_answered(struct pt *p, const char *code, const char *auth)
{
	struct deal *d = under_way(p);
	bool yes = !strcmp(code, "00");

	if (p->reversing != SIZE_MAX) {
		reversal_ended(p, yes || !strcmp(code, "25"));
		return;
	}
	if (p->state != PT_BANK)
		return;
	d->state = yes ? DEAL_APPROVED : DEAL_DECLINED;
	d->result = yes ? ZVT_OK : bcd_code(code);
	snprintf(d->auth, sizeof(d->auth), "%s", yes ? auth : "");
	if (meets(p, TERMINAL_REBOOT))
		boot(p);
	else
		tell(p);
}

void deal_unanswered(struct pt *p, bool sent)
{
	if (p->reversing != SIZE_MAX) {
		reversal_ended(p, false);
		return;
	}
	if (p->state != PT_BANK)
		return;
	under_way(p)->owed = sent;
	if (sent)
		acquirer_owe(p);
	end(p, DEAL_UNKNOWN, ZVT_NO_BANK);
}

void deal_healed(struct pt *p, unsigned rule)
{
	bool held = p->state == PT_LATE && p->fate[TERMINAL_LATE] == rule;
	bool shopper = p->state == PT_CARD && p->fate[TERMINAL_SHOPPER] == rule;
	bool boots = p->off && p->fate[TERMINAL_REBOOT] == rule;

	for (unsigned i = 0; i < TERMINAL_EFFECTS; i++)
		if (p->fate[i] == rule)
			p->fate[i] = NO_RULE;
	if (held || boots || (shopper && somebody(p)))
		loop_timer_at(stand_loop(p->stand), &p->wake, clock_now());
	if (p->mute && p->mute_by == rule)
		pt_hang_up(p, true);
}
