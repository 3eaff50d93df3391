/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The payment host, asked over HTTP (POST /v1/payments, capture at once).
 * Theory of operation: each go at charging is a payment with a name of its
 * own, which is its idempotency key. It is noted durably before the bank is
 * asked, so that whatever becomes of us, somebody knows what to take back:
 *
 *   begun ─► declined, never sent           settled
 *         ├► approved ─► sale booked        settled
 *         │          └─► sale refused       reversal
 *         └► no word                        reversal: nobody knows
 *
 * A reversal names the payment by that key and is repeated until the bank has
 * taken it; a bank that never saw the payment takes it, too.
 */
#include "bug.h"
#include "lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REVERSAL_MS 2000

static int heard(struct lane *l, struct basket *b, const struct answer *a, char *why)
{
	const char *state = answer_text(a, "state", "");

	if (!a->status && !a->sent)
		return card_over(l, b, false, -EACCES, why, "the bank cannot be reached");
	if (a->status >= 400 && a->status < 500)
		return card_over(l, b, false, -EACCES, why,
				 answer_text(a, "error", "not accepted"));
	if ((a->status == 200 || a->status == 201) && !strcmp(state, "declined"))
		return card_over(l, b, false, -EACCES, why, "card declined");
	if ((a->status != 200 && a->status != 201) || strcmp(state, "captured"))
		return card_over(l, b, true, -ETIMEDOUT, why, "the bank does not answer");
	b->approved = b->sale.total;
	return 0;
}

int bank_authorise(struct lane *l, struct basket *b, char *why)
{
	struct sale *s = &b->sale;
	struct answer a;
	json_t *body;
	int rc;

	if (card_begin(l, s, -1)) {
		snprintf(why, WHY_MAX, "cannot note the payment");
		return -EACCES;
	}
	body = json_pack("{s:s,s:I,s:s,s:b,s:s}", "reference", s->key, "amount",
			 (json_int_t)s->total, "currency", CURRENCY, "capture", 1, "tid",
			 l->o->name);
	client_call(l->bank, "POST", "/v1/payments", s->payment, body,
		    bug(BUG_WAIT_FOREVER_TERMINAL) ? 0 : (long)l->o->bank_ms, &a);
	json_decref(body);
	say("%s bank key=%s payment=%s amount=%lld status=%d state=%s code=%s", l->o->name, s->key,
	    s->payment, (long long)s->total, a.status, answer_text(&a, "state", "-"),
	    answer_text(&a, "code", "-"));
	rc = heard(l, b, &a, why);
	answer_done(&a);
	return rc;
}

bool bank_give_back(struct lane *l, const char *payment)
{
	json_t *body = json_pack("{s:s}", "original", payment);
	struct answer a;
	bool done;

	client_call(l->bank, "POST", "/v1/reversals", NULL, body, REVERSAL_MS, &a);
	json_decref(body);
	done = a.status >= 200 && a.status < 500;
	say("%s reversal payment=%s status=%d", l->o->name, payment, a.status);
	answer_done(&a);
	return done;
}
