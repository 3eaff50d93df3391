/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_TERMINAL_ROOM_H
#define WD_TERMINAL_ROOM_H

/*
 * What the files of this room share; nobody else includes it.
 *
 *   zvt.c        what the till's bytes mean; no I/O
 *   pt.c         one terminal and its till: connection, commands, acknowledgements
 *   deal.c       one payment: card, bank, result, and what faults make of it
 *   acquirer.c   one terminal and its bank: ISO 8583, what is owed
 *   stand.c      the process: rules, orders
 *   terminal.c   the worker's end
 *
 *   till ──ZVT── pt ── deal ── acquirer ──ISO 8583── bank
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bank/iso8583.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "terminal/terminal.h"
#include "terminal/zvt.h"

struct side_far;

#define TERMINALS_MAX 64
#define NO_RULE UINT32_MAX
#define TELL_MAX 8               /* messages to the till that wait for their turn */

enum stand_order_kind { ORDER_RULE_ADD = 1, ORDER_RULE_DEL, ORDER_CARD, ORDER_OWE };
struct stand_order {
	uint32_t kind, id;       /* id: a rule, or the node of a terminal */
	struct terminal_rule rule;
	bool there;              /* card: somebody is */
	char key[TERMINAL_KEY_MAX];
};

enum deal_state { DEAL_OPEN, DEAL_APPROVED, DEAL_DECLINED, DEAL_UNKNOWN, DEAL_REVERSED };
/** struct deal - a payment that the terminal was asked for; remembered as long as it lives. */
struct deal {
	enum deal_state state;
	int64_t amount;
	unsigned receipt, stan;
	unsigned result;         /* enum zvt_result, or the bank's code as BCD */
	char key[TERMINAL_KEY_MAX];
	char sent_at[12], auth[8];
	bool owed;               /* a reversal that the bank has not taken */
	unsigned owed_tries;
};

enum pt_state {
	PT_IDLE,
	PT_CARD,  /* waits for the shopper */
	PT_BANK,  /* waits for the bank */
	PT_LATE,  /* knows the result and keeps it back */
	PT_TELL   /* tells it, a message for each acknowledgement */
};

/** struct pt - one terminal; lives in the process. */
struct pt {
	struct stand *stand;
	unsigned node;
	/* the till's side */
	struct loop_fd door, conn;      /* conn.fd -1: nobody */
	struct buf in, out;
	struct buf tell[TELL_MAX];      /* the first is out and waits for its acknowledgement */
	unsigned tell_count;
	struct loop_timer ack;          /* T3 */
	unsigned config;                /* of the registration */
	bool mute;                      /* nothing is heard and said on this connection any more */
	unsigned mute_by;               /* rule */
	/* the payment */
	enum pt_state state;
	struct loop_timer wake;         /* the shopper, a result that is late, the end of a boot */
	uint64_t payments;
	unsigned fate[TERMINAL_EFFECTS]; /* rules that this payment meets; NO_RULE */
	struct deal *deals;             /* owned; the last is under way unless PT_IDLE */
	size_t deals_count, deals_size;
	size_t reversing;               /* index of the deal that the till has reversed; SIZE_MAX */
	bool orphan;                    /* the till that asked for it has gone */
	bool off;                       /* boots */
	bool crowd, card;               /* who stands here is told; somebody does */
	char key[TERMINAL_KEY_MAX];
	size_t closed;                  /* deals before it are of earlier days */
	/* the bank's side */
	struct loop_fd bank;
	bool bank_open, bank_dialling;
	struct buf bank_in, bank_out;
	struct loop_timer bank_late, owe;
	unsigned stan;                  /* the last one used */
	unsigned asked, owing;          /* STANs that answers are awaited for; 0: none */
	size_t owing_deal;
};

/* ---- stand.c ---- */

struct stand;
struct stand_opts {
	struct {
		unsigned node;
		int64_t bank_ns;        /* it waits so long for the bank */
		char tid[9];
	} at[TERMINALS_MAX];
	unsigned count;
	struct sockaddr_in bank;
	char currency[4];               /* ISO 4217 number */
	unsigned reference;             /* field that names the sale */
	int64_t shopper_ns;             /* a terminal waits so long for a card */
};
struct loop *stand_loop(struct stand *s);
const struct stand_opts *stand_conf(const struct stand *s);
/** stand_index - which of the opts this terminal is. */
unsigned stand_index(const struct stand *s, const struct pt *p);
/** stand_choose - which rules this terminal's next payment meets: fills p->fate. */
void stand_choose(struct stand *s, struct pt *p);
const struct terminal_rule *stand_rule(const struct stand *s, unsigned id);
/** stand_hit - the rule p->fate[effect] has altered this payment. */
void stand_hit(struct stand *s, struct pt *p, enum terminal_effect effect, bool approved);
/** stand_run - fds: a door and a socket for the bank for each terminal, in this order. */
void stand_run(struct side_far *far, const int *fds, void *opts);

/* ---- pt.c ---- */

void pt_open(struct pt *p, struct stand *s, unsigned node, int door);
/** pt_say - a message for the till, in its turn. Nothing without a till. */
void pt_say(struct pt *p, unsigned code, const struct buf *data);
/** pt_hang_up - the till is gone, or is thrown out. */
void pt_hang_up(struct pt *p, bool reset);
/** pt_connected - is there a till that still hears us? */
static inline bool pt_connected(const struct pt *p)
{
	return p->conn.fd >= 0 && !p->mute;
}
/** pt_status - a status information about a deal. */
void pt_status(struct pt *p, const struct deal *d);

/* ---- deal.c ---- */

/** deal_heard - the till asks for a payment. False: it is not even acknowledged. */
bool deal_heard(struct pt *p);
/** deal_begin - it has been acknowledged. */
void deal_begin(struct pt *p, int64_t amount);
/** deal_card - who stands here has changed. */
void deal_card(struct pt *p);
/** deal_cancel - the till, or the cashier, gives up: only while no card was read. */
void deal_cancel(struct pt *p);
/** deal_answered - the bank has, with field 39 and perhaps 38; deal_unanswered: it has not. @sent:
 * it may have heard us. */
void deal_answered(struct pt *p, const char *code, const char *auth);
void deal_unanswered(struct pt *p, bool sent);
/** deal_told - the till has acknowledged all that there was to tell. */
void deal_told(struct pt *p);
/** deal_not_issued - the till says that the goods were not handed over: it is given back. */
void deal_not_issued(struct pt *p);
/** deal_reverse - the till wants this receipt's payment back. 0, or an enum zvt_result. */
unsigned deal_reverse(struct pt *p, unsigned receipt);
/** deal_healed - what this rule held back goes on. */
void deal_healed(struct pt *p, unsigned rule);
/** deal_last - the last one that has come to an end; NULL. */
const struct deal *deal_last(const struct pt *p);
void deal_wake(struct loop_timer *t, int64_t now);

/* ---- acquirer.c ---- */

void acquirer_open(struct pt *p, int fd);
/** acquirer_pay, acquirer_reverse - ask; deal_answered or deal_unanswered follows. */
void acquirer_pay(struct pt *p, struct deal *d);
void acquirer_reverse(struct pt *p, struct deal *d);
/** acquirer_owe - what is owed to the bank is brought there from now on. */
void acquirer_owe(struct pt *p);
/** acquirer_close - as by a power cut; what is owed stays so. */
void acquirer_close(struct pt *p);
/** acquirer_busy - how many deals are owed a reversal. */
unsigned acquirer_busy(const struct pt *p);

#endif
