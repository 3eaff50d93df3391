/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISO 8583 messages to what accounts.c understands and back:
 *
 *   0100 0101   authorise                     0110
 *   0200 0201   purchase: authorised and captured at once   0210
 *   0220 0221   advice: it has happened. With field 90 the capture of what was authorised; without,
 *               a sale that somebody approved offline, which is charged and never declined   0230
 *   0400 0401 0420 0421   reversal of all of what field 90 names; without it, of the same STAN
 *                                             0410, 0430
 *   0800 0801   echo and sign-on              0810
 *
 * A transaction is the terminal (41), its STAN (11) and the day of field 7: the
 * same again is the same transaction, whatever its message type says.
 */
#include "bank/room.h"

#include <stdio.h>
#include <string.h>

#define AMOUNT_DIGITS 12

static const struct kind {
	char mti[4]; /* but its last digit: 0, or 1 for a repetition */
	enum bank_op op;
	bool capture, forced;
} kinds[] = {
	{ "010", BANK_AUTHORISE, false, false }, { "020", BANK_AUTHORISE, true, false },
	{ "022", BANK_CAPTURE, true, true },     { "040", BANK_REVERSE, false, true },
	{ "042", BANK_REVERSE, false, true },    { "080", BANK_ECHO, false, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

bool iso_asks(const struct iso_msg *m)
{
	return m->mti[0] == '0' && (m->mti[2] - '0') % 2 == 0;
}

static const struct kind *kind_of(const struct iso_msg *m)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strncmp(m->mti, kinds[i].mti, 3) && m->mti[3] <= '1')
			return &kinds[i];
	return NULL;
}

static void name_transaction(char *ret, size_t size, const char *tid, const char *stan,
			     const char *sent_at)
{
	snprintf(ret, size, "%s/%.6s/%.4s", tid, stan, sent_at);
}

static bool read_amount(const struct iso_msg *m, int64_t *ret)
{
	int64_t n = 0;

	if (!iso_has(m, ISO_AMOUNT))
		return false;
	for (size_t i = 0; i < AMOUNT_DIGITS; i++)
		n = n * 10 + (m->f[ISO_AMOUNT].at[i] - '0');
	*ret = n;
	return n > 0;
}

static bool read_currency(const struct iso_msg *m, const struct iso_conf *conf, char *ret)
{
	const char *name = iso_has(m, ISO_CURRENCY) ? iso_currency(m->f[ISO_CURRENCY])
						    : conf->currency;

	if (name)
		memcpy(ret, name, 4);
	return name;
}

/* 00 purchase and 09 purchase with cash back are charges; nothing else is played here. */
static bool is_charge(const struct iso_msg *m)
{
	const char *p = m->f[ISO_PROCESSING].at;

	return !p || (p[0] == '0' && (p[1] == '0' || p[1] == '9'));
}

static void read_original(const struct iso_msg *m, struct bank_request *ret)
{
	const char *o = m->f[ISO_ORIGINAL].at; /* type 4, STAN 6, sent at 10, two institutions */

	if (o)
		name_transaction(ret->original, sizeof(ret->original), ret->tid, o + 4, o + 10);
	else if (ret->op == BANK_REVERSE)
		memcpy(ret->original, ret->idem, sizeof(ret->original));
}

static const char *read_money(const struct iso_msg *m, const struct iso_conf *conf,
			      struct bank_request *ret)
{
	if (!read_amount(m, &ret->amount))
		return "13";
	if (!read_currency(m, conf, ret->currency))
		return "12";
	return is_charge(m) ? NULL : "12";
}

enum api iso_request(const struct iso_msg *m, const struct iso_conf *conf,
		     struct bank_request *ret, const char **ret_code)
{
	const struct kind *k = kind_of(m);

	*ret = (struct bank_request){ .amount = -1 };
	*ret_code = "30";
	if (!k) {
		*ret_code = "12";
		return API_WRONG;
	}
	ret->op = k->op;
	ret->capture = k->capture;
	ret->forced = k->forced;
	if (!iso_has(m, ISO_SENT_AT) || !iso_copy(m, ISO_STAN, ret->stan, sizeof(ret->stan)))
		return API_WRONG;
	if (!iso_copy(m, ISO_TID, ret->tid, sizeof(ret->tid)) && k->op != BANK_ECHO)
		return API_WRONG;
	name_transaction(ret->idem, sizeof(ret->idem), ret->tid, ret->stan, m->f[ISO_SENT_AT].at);
	if (k->op == BANK_ECHO) {
		memcpy(ret->reference, ret->tid, sizeof(ret->tid));
		return API_PAYMENT;
	}
	if (iso_has(m, conf->reference) &&
	    !iso_copy(m, conf->reference, ret->reference, sizeof(ret->reference)))
		return API_WRONG; /* longer than is kept: that would be a payment of no sale */
	read_original(m, ret);
	if (k->op != BANK_REVERSE)
		*ret_code = read_money(m, conf, ret);
	return k->op != BANK_REVERSE && *ret_code ? API_WRONG : API_PAYMENT;
}

/* ---- answers ---- */

static void echo(const struct iso_msg *m, struct iso_msg *ret)
{
	static const unsigned same[] = { 3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 42, 48, 49, 70, 90 };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		ret->f[same[i]] = m->f[same[i]];
	memcpy(ret->mti, m->mti, sizeof(ret->mti));
	ret->mti[2]++;
	ret->mti[3] = '0';
}

void iso_refuse(struct buf *out, const struct iso_msg *m, const char *code)
{
	struct iso_msg ret = { 0 };

	echo(m, &ret);
	iso_put(&ret, ISO_CODE, code);
	iso_write(out, &ret);
}

void iso_answer(struct buf *out, const struct iso_msg *m, const struct bank_answer *a)
{
	unsigned long long number = 0;
	struct iso_msg ret = { 0 };
	char rrn[24], auth[24];

	echo(m, &ret);
	iso_put(&ret, ISO_CODE, a->code);
	if (sscanf(a->id, "pay_%llu", &number) == 1) {
		snprintf(rrn, sizeof(rrn), "%012llu", number % 1000000000000);
		snprintf(auth, sizeof(auth), "%06llu", number % 1000000);
		if (!iso_has(m, ISO_RRN))
			iso_put(&ret, ISO_RRN, rrn);
		if (!strcmp(a->code, "00") && a->authorised > 0 && !a->reversed)
			iso_put(&ret, ISO_AUTH, auth);
	}
	iso_write(out, &ret);
}
