/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CROWD_HTTP_CONF_H
#define WD_CROWD_HTTP_CONF_H

/* The declared request sequences of an http: driver, compiled. */
#include <curl/curl.h>

#include "crowd/driver.h"
#include "crowd/take.h"
#include "crowd/template.h"

/* Variables that every request has; taken values come after. See http_vars[]. */
enum slot {
	V_KEY, V_OF, V_OP, V_LANE, V_INDEX, V_SHOPPER, V_SKU, V_QTY, V_PRICE, V_TENDER, V_AMOUNT,
	V_TOTAL, V_RECEIPT, V_CURRENCY, V_ATTEMPT, V_ITEMS, V_ITEM, V_LINES,
	V_SEED, SLOTS_BUILTIN
};
/* Takes that are facts for the ledger and not session variables. */
enum fact {
	FACT_NONE = -1,
	FACT_RECEIPT,
	FACT_TOTAL,
	FACT_TOTAL_MAJOR,
	FACT_CURRENCY,
	FACT_OFFLINE
};

struct hheader {
	char *name; /* owned */
	struct tmpl *value;
};

struct hstep {
	const struct http_step *conf; /* borrowed; NULL: the probe */
	unsigned serial;              /* 0.. over all steps of all actions */
	struct tmpl *url, *body;
	struct hheader *header; /* owned */
	size_t headers;
	struct curl_slist *fixed; /* owned: the header list, when no header has variables */
	struct regex *ok, *fail;
	struct takes *takes;
	int *take_slot;         /* owned; per take: session slot, or -1 */
	enum fact *take_fact;   /* owned */
	int only_slot;          /* -1: always */
	bool only_not;
	char *only_value;       /* owned */
};

struct hconf {
	const struct driver_init *init; /* borrowed */
	const struct target *target;
	const struct driver *driver;
	struct hstep *step[ACTIONS_COUNT]; /* owned arrays */
	struct hstep probe;
	struct regex *refused;
	char **var;  /* owned: names of taken variables */
	size_t vars;
	unsigned serials; /* how many steps there are */
};

int hconf_make(struct hconf *h, const struct driver_init *in, struct err *e);
void hconf_done(struct hconf *h);

#endif
