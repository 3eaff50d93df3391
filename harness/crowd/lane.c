// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes: queues, the cashier, dying and coming back.
 *
 * Theory of operation. A lane turns as long as something can be done now:
 *
 *   IDLE ── next in the queue ──► ENTER ── human time ──► PAUSE ──► ACT ── ask ──► ASKED
 *     ▲                             ▲ │ (none left)                               │
 *     └───────── shopper gone ──────┘ └◄────────── next step (step.c) ◄───────────┘
 *
 * lane_run() is a loop and not a recursion, because a driver may answer before
 * perform() returns. cursor_ns is the end of the previous step; a step's
 * intended start is cursor plus human time, and the POS's time counts from
 * there, however late we are.
 *
 * An impatient tap (ask[1]) runs beside ask[0]; the first ok of the two
 * decides at once, and the next shopper waits until both are in.
 *
 * A lane whose POS cannot be reached after all tries is DOWN: its queue moves,
 * a backup lane opens, and the cashier looks every few seconds whether the
 * till is back. To a till that opens, shoppers come over from the longest
 * queues until they are level. While no lane is up, shoppers wait in the hall; a lane without
 * a queue of its own serves the hall.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "crowd/room.h"

#define TURNS_AT_ONCE 512 /* then the loop gets a turn */
#define OPEN_RETRY_NS (100 * NS_PER_MS)

#define LANE_OF(member, ptr)                                                                       \
	((struct lane *)(void *)((char *)(ptr) - offsetof(struct lane, member)))

/* ---- queues ---- */

static void queue_push(struct queue *q, struct shopper *s, bool front)
{
	s->queue = q;
	s->next = front ? q->head : NULL;
	s->prev = front ? NULL : q->tail;
	*(s->prev ? &s->prev->next : &q->head) = s;
	*(s->next ? &s->next->prev : &q->tail) = s;
	q->len++;
	s->crowd->n.queued++;
	shopper_wait(s);
}

void queue_remove(struct shopper *s)
{
	struct queue *q = s->queue;

	*(s->prev ? &s->prev->next : &q->head) = s->next;
	*(s->next ? &s->next->prev : &q->tail) = s->prev;
	q->len--;
	s->crowd->n.queued--;
	s->next = s->prev = NULL;
	s->queue = NULL;
	loop_timer_cancel(s->crowd->o.loop, &s->patience);
}

void queue_leave(struct queue *q, int64_t now_ns, const char *why)
{
	while (q->head)
		shopper_leave(q->head, now_ns, why);
}

/* ---- choosing ---- */

static int64_t lane_load(const struct lane *l)
{
	return l->queue.len + (l->shopper ? 1 : 0);
}

static struct lane *lane_shortest(struct crowd *c, const struct shopper *s, uint32_t except)
{
	unsigned start = (unsigned)draw_range(crowd_draw(c, "shopper.lane", s->id, s->moves), 0,
					      c->lanes_count - 1);
	struct lane *best = NULL;

	for (unsigned i = 0; i < c->lanes_count; i++) {
		struct lane *l = &c->lanes[(start + i) % c->lanes_count];

		if (l->state == LANE_UP && l->index != except &&
		    (!best || lane_load(l) < lane_load(best)))
			best = l;
	}
	return best;
}

static struct lane *lane_random(struct crowd *c, const struct shopper *s, uint32_t except)
{
	unsigned up = 0;
	int64_t k;

	for (unsigned i = 0; i < c->lanes_count; i++)
		up += c->lanes[i].state == LANE_UP && i != except;
	if (up == 0)
		return NULL;
	k = draw_range(crowd_draw(c, "shopper.lane", s->id, s->moves), 0, up - 1);
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (c->lanes[i].state == LANE_UP && i != except && k-- == 0)
			return &c->lanes[i];
	}
	return NULL;
}

static struct lane *lane_free_one(struct crowd *c)
{
	for (unsigned i = 0; i < c->lanes_count; i++) {
		if (c->lanes[i].state == LANE_UP && !c->lanes[i].shopper)
			return &c->lanes[i];
	}
	return NULL;
}

void lane_join(struct crowd *c, struct shopper *s, int64_t now_ns, bool front)
{
	uint32_t except = front ? s->lane : UINT32_MAX;
	struct lane *l = NULL;

	s->joined_ns = now_ns;
	if (c->conf->lane_choice == LANE_POOL) {
		queue_push(&c->hall, s, front);
		l = lane_free_one(c);
	} else {
		l = c->conf->lane_choice == LANE_RANDOM ? lane_random(c, s, except) :
							  lane_shortest(c, s, except);
		queue_push(l ? &l->queue : &c->hall, s, front);
	}
	if (l) {
		s->lane = l->index;
		lane_run(l);
	}
}

static struct shopper *lane_next(struct lane *l)
{
	struct shopper *s = l->queue.head ? l->queue.head : l->crowd->hall.head;

	if (s)
		queue_remove(s);
	return s;
}

/* ---- asking ---- */

static bool in_flight(const struct lane *l)
{
	return l->asked[0] || l->asked[1];
}

static void cancel_asks(struct lane *l)
{
	for (unsigned i = 0; i < 2; i++) {
		if (l->asked[i]) {
			l->asked[i] = false;
			l->crowd->ops->cancel(l->crowd->driver, &l->ask[i]);
		}
	}
	loop_timer_cancel(l->crowd->o.loop, &l->deadline);
}

static void copy_text(char *to, size_t size, const char **from)
{
	if (!*from)
		return;
	snprintf(to, size, "%s", *from);
	*from = to;
}

static void hold(struct lane *l, const struct answer *a)
{
	struct reply *h = &l->held;

	h->answer = *a;
	copy_text(h->receipt, sizeof(h->receipt), &h->answer.receipt);
	copy_text(h->currency, sizeof(h->currency), &h->answer.currency);
	copy_text(h->error, sizeof(h->error), &h->answer.error);
	l->holding = true;
}

/* Of two taps: any ok wins, then refused, then unknown. */
static void decide(struct lane *l, const struct answer *a)
{
	const struct answer *best = a;
	struct answer merged;

	if (a->outcome != TOLD_OK && (l->asked[0] || l->asked[1])) {
		hold(l, a);
		return;
	}
	if (l->holding && a->outcome == TOLD_UNKNOWN) {
		merged = l->held.answer;
		merged.at_ns = a->at_ns;
		best = &merged;
	}
	l->holding = false;
	loop_timer_cancel(l->crowd->o.loop, &l->human);
	l->turn = TURN_ENTER;
	l->step = step_answered(l, best);
	if (l->turn == TURN_ENTER)
		l->cursor_ns = best->at_ns;
}

static void probe_answered(struct lane *l, const struct answer *a);
static void close_answered(struct lane *l, const struct answer *a);

static void take_answer(struct lane *l, const struct answer *a)
{
	bool outer = l->running;

	l->running = true; /* what happens at other lanes meanwhile must not turn this one */
	if (l->probing)
		probe_answered(l, a);
	else if (l->closing)
		close_answered(l, a);
	else if (l->turn == TURN_ASKED)
		decide(l, a);
	l->running = outer;
	lane_run(l);
}

static void lane_answered(struct ask *ask, const struct answer *a)
{
	struct lane *l = ask->owner;

	l->asked[ask == &l->ask[1]] = false;
	if (!in_flight(l))
		loop_timer_cancel(l->crowd->o.loop, &l->deadline);
	take_answer(l, a);
}

static void deadline_fire(struct loop_timer *t, int64_t now_ns)
{
	struct lane *l = LANE_OF(deadline, t);

	cancel_asks(l);
	take_answer(l, &(struct answer){ .outcome = TOLD_UNKNOWN, .transport = true,
					 .at_ns = now_ns, .total = -1,
					 .error = TOLD_NO_ANSWER });
}

static struct ask *ask_new(struct lane *l, unsigned which, enum action action, int64_t now_ns)
{
	struct ask *a = &l->ask[which];

	*a = (struct ask){ .action = action, .lane = l->index, .shopper = -1, .qty = 1,
			   .price = -1, .amount = -1, .attempt = l->tries + 1,
			   .intended_ns = now_ns,
			   .deadline_ns = now_ns + l->crowd->timeout_ns,
			   .answered = lane_answered, .owner = l };
	l->asked[which] = true;
	return a;
}

/* The deadline is armed only when the answer did not come at once. */
static void ask_sent(struct lane *l, unsigned which)
{
	if (l->asked[which] && !loop_timer_armed(&l->deadline))
		loop_timer_at(l->crowd->o.loop, &l->deadline, l->ask[which].deadline_ns);
}

/* The card is at hand before the till can ask for it. */
static void show_card(const struct lane *l, const struct ask *a)
{
	const struct crowd_hooks *h = &l->crowd->o.hooks;

	if (h->card && (l->step == STEP_PAY || l->step == STEP_SELL))
		h->card(h->arg, l->name, str_eq(a->tender, "card") ? a->key : NULL);
}

static void ask_step(struct lane *l, unsigned which, int64_t now_ns)
{
	struct crowd *c = l->crowd;
	struct ask *a = ask_new(l, which, (enum action)step_action(l->step), now_ns);

	step_ask(l, a);
	show_card(l, a);
	c->ops->perform(c->driver, a);
	ask_sent(l, which);
}

/* ---- turning ---- */

static bool turn_idle(struct lane *l)
{
	struct shopper *s;

	if (l->state != LANE_UP || l->probing || l->closing || in_flight(l))
		return false;
	s = lane_next(l);
	if (!s)
		return false;
	if (l->cursor_ns < s->joined_ns)
		l->cursor_ns = s->joined_ns;
	l->step = STEP_GREET;
	l->turn = TURN_ENTER;
	l->tries = 0;
	shopper_at_till(l, s);
	return true;
}

static bool turn_enter(struct lane *l, int64_t now_ns)
{
	if (l->tries == 0)
		l->step = step_wanted(l, l->step);
	if (l->step == STEP_GONE) {
		l->turn = TURN_IDLE;
		return true;
	}
	if (l->step == STEP_DONE) {
		if (in_flight(l))
			return false; /* the other tap is still out */
		l->turn = TURN_IDLE;
		till_release(l);
		return true;
	}
	l->intended_ns = l->cursor_ns + human_wall(l->crowd, step_human(l));
	l->turn = TURN_ACT;
	if (l->intended_ns > now_ns) {
		l->turn = TURN_PAUSE;
		loop_timer_at(l->crowd->o.loop, &l->human, l->intended_ns);
	}
	return true;
}

static bool turn_act(struct lane *l, int64_t now_ns)
{
	struct crowd *c = l->crowd;

	if (step_action(l->step) < 0) {
		l->cursor_ns = l->intended_ns;
		l->step = step_passed(l);
		l->turn = TURN_ENTER;
		return true;
	}
	if (in_flight(l))
		return false;
	hist_add(c->lateness, now_ns - l->intended_ns);
	l->turn = TURN_ASKED;
	ask_step(l, 0, now_ns);
	if (l->turn == TURN_ASKED && step_taps_twice(l)) {
		struct draw d = crowd_draw(c, "shopper.retap-after", l->shopper->id, 0);
		double shop_ns = draw_exp(d, (double)RETAP_SHOP_NS);

		loop_timer_at(c->o.loop, &l->human, now_ns + human_wall(c, shop_ns));
	}
	return true;
}

static bool lane_turn(struct lane *l)
{
	switch (l->turn) {
	case TURN_IDLE:
		return turn_idle(l);
	case TURN_ENTER:
		return turn_enter(l, clock_now());
	case TURN_ACT:
		return turn_act(l, clock_now());
	case TURN_PAUSE:
	case TURN_ASKED:
		break;
	}
	return false;
}

void lane_run(struct lane *l)
{
	int turns = 0;

	if (l->running)
		return;
	l->running = true;
	while (lane_turn(l)) {
		if (++turns >= TURNS_AT_ONCE && l->turn != TURN_PAUSE && l->turn != TURN_ASKED) {
			loop_timer_at(l->crowd->o.loop, &l->human, clock_now());
			break;
		}
	}
	l->running = false;
}

/* A human time is over, the loop had its turn, or the shopper taps again. */
static void human_fire(struct loop_timer *t, int64_t now_ns)
{
	struct lane *l = LANE_OF(human, t);

	if (l->turn == TURN_PAUSE)
		l->turn = TURN_ACT;
	else if (l->turn == TURN_ASKED && l->asked[0] && !l->asked[1])
		ask_step(l, 1, now_ns);
	lane_run(l);
}

/* ---- dying and coming back ---- */

static void lane_say(struct lane *l, const char *did)
{
	const struct crowd_hooks *h = &l->crowd->o.hooks;

	if (h->lane)
		h->lane(h->arg, l->name, did);
}

bool lane_elsewhere(const struct lane *l, bool this_one_dies)
{
	const struct crowd *c = l->crowd;

	for (unsigned i = 0; i < c->lanes_count; i++) {
		enum lane_state st = c->lanes[i].state;

		if (i == l->index)
			continue;
		if (st == LANE_UP || st == LANE_OPENING || (st == LANE_CLOSED && this_one_dies))
			return !c->halted;
	}
	return false;
}

static int64_t probe_wait(const struct lane *l)
{
	int64_t ns = pace_wall(l->crowd, PROBE_SHOP_NS);

	if (l->crowd->waiting)
		return OPEN_RETRY_NS;
	return ns < PROBE_WALL_NS_MIN ? PROBE_WALL_NS_MIN : ns;
}

static void lane_open_backup(struct crowd *c)
{
	for (unsigned i = 0; i < c->lanes_count; i++) {
		struct lane *l = &c->lanes[i];

		if (l->state != LANE_CLOSED)
			continue;
		l->state = LANE_OPENING;
		lane_say(l, "backup opened");
		lane_probe(l);
		return;
	}
}

void lane_down(struct lane *l, int64_t now_ns)
{
	if (l->state == LANE_DOWN)
		return;
	l->state = LANE_DOWN;
	lane_say(l, "down");
	loop_timer_at(l->crowd->o.loop, &l->probe, now_ns + probe_wait(l));
	if (!l->crowd->halted)
		lane_open_backup(l->crowd);
}

void lane_requeue(struct lane *l, int64_t now_ns)
{
	struct queue moving = l->queue;

	l->queue = (struct queue){ 0 };
	for (struct shopper *s = moving.head; s; s = s->next)
		s->queue = &moving;
	while (moving.head) {
		struct shopper *s = moving.head;

		queue_remove(s);
		lane_join(l->crowd, s, now_ns, false);
	}
}

static struct queue *queue_longest(struct crowd *c)
{
	struct queue *q = &c->lanes[0].queue;

	for (unsigned i = 1; i < c->lanes_count; i++) {
		if (c->lanes[i].queue.len > q->len)
			q = &c->lanes[i].queue;
	}
	return q;
}

/* A till opens: as everywhere, the last in the longest queues are the first to come over. */
static void lane_attract(struct lane *l, int64_t now_ns)
{
	struct queue *q;

	for (q = queue_longest(l->crowd); q->len > lane_load(l) + 1; q = queue_longest(l->crowd)) {
		struct shopper *s = q->tail;

		queue_remove(s);
		s->joined_ns = now_ns;
		s->lane = l->index;
		queue_push(&l->queue, s, true);
	}
}

static void lane_up(struct lane *l, int64_t now_ns)
{
	struct crowd *c = l->crowd;
	bool back = l->state == LANE_DOWN && !c->waiting;

	l->state = LANE_UP;
	l->cursor_ns = now_ns;
	if (c->waiting && --c->waiting == 0)
		c->ready = true;
	if (back)
		lane_say(l, "up");
	if (!c->halted)
		lane_attract(l, now_ns);
}

void lane_probe(struct lane *l)
{
	struct crowd *c = l->crowd;
	int64_t now = clock_now();
	struct ask *a;

	if (l->shopper || in_flight(l)) { /* still being cleared away */
		loop_timer_at(c->o.loop, &l->probe, now + probe_wait(l));
		return;
	}
	l->probing = true;
	a = ask_new(l, 0, ACT_OPEN_SESSION, now);
	if (c->can[ACT_OPEN_SESSION])
		c->ops->perform(c->driver, a);
	else
		c->ops->probe(c->driver, a);
	ask_sent(l, 0);
}

/* A refusal ("already open") is an answer too. */
static void probe_answered(struct lane *l, const struct answer *a)
{
	l->probing = false;
	if (a->outcome == TOLD_UNKNOWN) {
		snprintf(l->error, sizeof(l->error), "%s", a->error ? a->error : "no answer");
		loop_timer_at(l->crowd->o.loop, &l->probe, a->at_ns + probe_wait(l));
		return;
	}
	lane_up(l, a->at_ns);
}

static void probe_fire(struct loop_timer *t, int64_t now_ns)
{
	(void)now_ns;
	lane_probe(LANE_OF(probe, t));
}

void lane_close(struct lane *l)
{
	l->closing = true;
	l->crowd->ops->perform(l->crowd->driver, ask_new(l, 0, ACT_CLOSE, clock_now()));
	ask_sent(l, 0);
}

static void close_answered(struct lane *l, const struct answer *a)
{
	l->closing = false;
	l->error[0] = '\0';
	if (a->outcome != TOLD_OK)
		snprintf(l->error, sizeof(l->error), "%s", a->error ? a->error : "refused");
	if (l->crowd->waiting && --l->crowd->waiting == 0)
		l->crowd->ready = true;
}

/* ---- life ---- */

void lane_init(struct lane *l, struct crowd *c, unsigned index, const char *name, bool backup)
{
	l->crowd = c;
	l->index = index;
	l->name = name;
	l->backup = backup;
	l->state = LANE_CLOSED;
	l->human.fire = human_fire;
	l->deadline.fire = deadline_fire;
	l->probe.fire = probe_fire;
}

void lane_clear(struct lane *l)
{
	struct loop *loop = l->crowd->o.loop;

	cancel_asks(l);
	loop_timer_cancel(loop, &l->human);
	loop_timer_cancel(loop, &l->probe);
	l->probing = l->closing = l->holding = false;
}
