/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked for against what is done: loss, bursts, delays, reordering, copies, corruption
 * and rates, on the impairments alone with a clock of our own.
 *
 * Every figure is tested with a p-value computed here (chi-square, Kolmogorov-Smirnov, normal) and
 * must not be below ALPHA. Seeds are fixed, so a test gives the same p-value every time: it cannot
 * be flaky. Each also has to reject an answer that is a little wrong (p below BETA), so that
 * it cannot pass by being blind.
 *
 * With FEW in the environment everything is drawn a fiftieth as often: for valgrind, which asks
 * whether what is read was written. Too few then to reject what is a little wrong.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/draw.h"
#include "wire_kit.h"
#include "tests/unit/suite.h"

#define ALPHA 1e-3
#define BETA 1e-6

static bool few(void)
{
	return getenv("FEW");
}

static unsigned some(unsigned n)
{
	return few() ? n / 50 : n;
}

/* ---- p-values ---- */

/* Upper regularised incomplete gamma function: by series below a + 1, else as a fraction. */
static double gamma_upper(double a, double x)
{
	double front = exp(-x + a * log(x) - lgamma(a)), sum = 1 / a, term = sum;
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

	if (x <= 0)
		return 1;
	if (x < a + 1) {
		for (int n = 1; n < 10000 && term > sum * 1e-15; n++)
			sum += term *= x / (a + n);
		return 1 - sum * front;
	}
	for (int n = 1; n < 10000; n++) {
		double an = -n * (n - a), step;

		b += 2;
		d = 1 / (an * d + b);
		c = b + an / c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return front * h;
}

static double p_normal(double z)
{
	return erfc(fabs(z) / M_SQRT2);
}

/* Cells that expect fewer than five are added to the next. */
static double p_chi(const double *seen, const double *want, size_t n)
{
	double x = 0, s = 0, w = 0;
	int cells = 0;

	for (size_t i = 0; i < n; i++) {
		s += seen[i];
		w += want[i];
		if (w < 5 && i + 1 < n)
			continue;
		if (w > 0)
			x += (s - w) * (s - w) / w;
		cells++;
		s = w = 0;
	}
	return gamma_upper((cells - 1) / 2.0, x / 2);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts x. */
static double p_ks(double *x, size_t n, double (*cdf)(double x, const double *arg),
		   const double *arg)
{
	double most = 0, l, p = 0;

	qsort(x, n, sizeof(*x), ascending);
	for (size_t i = 0; i < n; i++) {
		double f = cdf(x[i], arg), lo = (double)i / (double)n;
		double hi = (double)(i + 1) / (double)n;

		most = fmax(most, fmax(fabs(f - lo), fabs(hi - f)));
	}
	l = (sqrt((double)n) + 0.12 + 0.11 / sqrt((double)n)) * most;
	for (int j = 1; j < 100; j++)
		p += (j % 2 ? 2 : -2) * exp(-2.0 * j * j * l * l);
	return l < 0.2 ? 1 : fmin(1, fmax(0, p));
}

static void agrees(const char *what, double p)
{
	printf("# %-58s p = %.3g\n", what, p);
	ck_assert_msg(p >= ALPHA || (few() && isnan(p)), "%s: p = %g, below %g", what, p, ALPHA);
}

static void disagrees(const char *what, double p)
{
	ck_assert_msg(p < BETA || few(), "%s would pass as well: p = %g", what, p);
}

/* Published values: chi-square 3.841 with 1 and 18.307 with 10 degrees is 5 %; 1.358 is KS's. */
START_TEST(the_p_values_themselves)
{
	static const double flat[2] = { 50, 50 }, off[2] = { 59.8, 40.2 };

	ck_assert_double_eq_tol(gamma_upper(0.5, 3.841 / 2), 0.05, 1e-4);
	ck_assert_double_eq_tol(gamma_upper(5, 18.307 / 2), 0.05, 1e-4);
	ck_assert_double_eq_tol(gamma_upper(50, 124.342 / 2), 0.05, 1e-4);
	ck_assert_double_eq_tol(p_normal(1.959964), 0.05, 1e-5);
	ck_assert_double_eq_tol(p_chi(off, flat, 2), 0.05, 1e-3);
}
END_TEST

/* ---- streams of packets ---- */

enum { SIZE = 100 }; /* bytes of data of a packet */

/* n datagrams from node 0 to node 1, `gap` apart; ret[i]: how often the i-th arrived. */
static void stream(struct kit *k, const struct wire_rule *r, unsigned n, int64_t gap, uint8_t *ret)
{
	uint8_t frame[2048];

	kit_open(k);
	ck_assert_int_ge(impair_add(k->im, r, 0), 0);
	for (uint32_t i = 0; i < n; i++) {
		size_t len = kit_udp(frame, 0, 1, 40000, 5000, i, SIZE);

		kit_to(k, (int64_t)i * gap);
		kit_send(k, 0, 1, frame, len);
	}
	kit_to(k, INT64_MAX / 2);
	if (!ret)
		return;
	memset(ret, 0, n);
	for (size_t i = 0; i < k->outs_count; i++) {
		ck_assert_uint_lt(k->outs[i].tag, n);
		ret[k->outs[i].tag]++;
	}
}

static double p_share(double seen, double n, double share)
{
	double s[2] = { seen, n - seen }, w[2] = { n * share, n * (1 - share) };

	return p_chi(s, w, 2);
}

/* ---- loss ---- */

static const double loss_rates[] = { 0.001, 0.01, 0.2, 0.5, 0.99 };

/* The share, and that a packet's fate says nothing about the next one's. */
START_TEST(loss_rate)
{
	const unsigned n = some(200000);
	double rate = loss_rates[_i], lost = 0, pairs[4] = { 0 }, want[4];
	struct wire_rule r = kit_rule(WIRE_DROP, "net.drop", 0, 1000 + (uint64_t)_i);
	uint8_t *got = xmalloc(n);
	struct kit k;
	char what[64];

	r.chance = rate;
	stream(&k, &r, n, 1000, got);
	for (unsigned i = 0; i < n; i++)
		lost += !got[i];
	for (unsigned i = 0; i + 1 < n; i += 2)
		pairs[2 * !got[i] + !got[i + 1]]++;
	ck_assert_double_eq(lost, (double)k.lost);
	snprintf(what, sizeof(what), "loss of %g %%, of %u packets", rate * 100, n);
	agrees(what, p_share(lost, n, rate));
	disagrees(what, p_share(lost, n, rate + 7 * sqrt(rate * (1 - rate) / n)));
	for (int i = 0; i < 4; i++)
		want[i] = n / 2.0 * (i / 2 ? rate : 1 - rate) * (i % 2 ? rate : 1 - rate);
	agrees("  pairs of neighbours", p_chi(pairs, want, 4));
	kit_close(&k);
	free(got);
}
END_TEST

/* 50 TCP connections, both ways, first and second pass: each cell has the rate, no two agree. */
START_TEST(loss_everywhere_alike)
{
	enum { CONNS = 50, EACH_MAX = 1000, CELLS = CONNS * 4 };
	const unsigned each = some(EACH_MAX);
	struct wire_rule r = kit_rule(WIRE_DROP, "net.drop", 0, 77);
	static uint8_t got[CELLS][EACH_MAX];
	double seen[CELLS], want[CELLS], same = 0;
	uint8_t frame[256];
	struct kit k;
	size_t len;

	r.chance = 0.2;
	kit_open(&k);
	impair_add(k.im, &r, 0);
	for (unsigned cell = 0; cell < CELLS; cell++) {
		unsigned side = cell / 2 % 2;
		uint16_t port = (uint16_t)(40000 + cell / 4);

		seen[cell] = 0;
		want[cell] = each * 0.2;
		for (uint32_t i = 0; i < each; i++) {
			struct kit_tcp t = { .from = side, .to = !side, .sport = side ? 8080 : port,
					     .dport = side ? port : 8080, .seq = 1000 + i * 50,
					     .flags = TCP_ACK, .len = 50 };
			uint64_t before = k.lost;

			len = kit_tcp(frame, &t);
			kit_send(&k, side, !side, frame, len);
			got[cell][i] = k.lost > before;
			seen[cell] += got[cell][i];
			same += cell && got[cell][i] == got[cell - 1][i];
		}
	}
	agrees("loss of 20 % in each of 200 directions and passes", p_chi(seen, want, CELLS));
	agrees("  the same fate in two of them", p_share(same, (CELLS - 1) * each,
							 0.2 * 0.2 + 0.8 * 0.8));
	kit_close(&k);
}
END_TEST

/* ---- bursts ---- */

/* Of a geometric law with P(1) = p: how many of n have length i + 1; the last takes the rest. */
static void geometric(double p, double n, double *ret, size_t cells)
{
	double left = 1;

	for (size_t i = 0; i + 1 < cells; i++) {
		ret[i] = n * left * p;
		left *= 1 - p;
	}
	ret[cells - 1] = n * left;
}

static const struct {
	double rate, burst;
} burst_rows[] = { { 0.2, 5 }, { 0.05, 3 }, { 0.01, 20 }, { 0.5, 2 } };

static struct wire_rule burst_rule(double rate, double burst, double loss, uint64_t seed)
{
	struct wire_rule r = kit_rule(WIRE_DROP, "net.drop", 0, seed);
	double bad = rate / loss;

	r.burst_leave = 1 / burst; /* as faults/net.drop.c does */
	r.burst_enter = r.burst_leave * bad / (1 - bad);
	r.chance = loss;
	return r;
}

/* Lengths of runs of `lost` or delivered packets; those cut off at the ends do not count. */
static double runs(const uint8_t *got, unsigned n, bool lost, double *ret, size_t cells)
{
	double count = 0;
	unsigned i = 0;

	memset(ret, 0, cells * sizeof(*ret));
	while (i < n) {
		unsigned from = i;

		while (i < n && !got[i] == !got[from])
			i++;
		if (from == 0 || i == n || !got[from] != lost)
			continue;
		ret[i - from < cells ? i - from - 1 : cells - 1]++;
		count++;
	}
	return count;
}

START_TEST(bursts)
{
	enum { CELLS = 400 };
	const unsigned total = some(400000);
	double rate = burst_rows[_i].rate, burst = burst_rows[_i].burst;
	struct wire_rule r = burst_rule(rate, burst, 1, 2000 + (uint64_t)_i);
	double seen[CELLS], want[CELLS], n, lambda = 1 - r.burst_enter - r.burst_leave;
	double sigma = sqrt(rate * (1 - rate) / total * (1 + lambda) / (1 - lambda));
	uint8_t *got = xmalloc(total);
	struct kit k;
	char what[64];

	stream(&k, &r, total, 1000, got);
	snprintf(what, sizeof(what), "loss of %g %% in bursts of %g: the share", rate * 100, burst);
	agrees(what, p_normal(((double)k.lost / total - rate) / sigma));
	n = runs(got, total, true, seen, CELLS);
	geometric(1 / burst, n, want, CELLS);
	agrees("  their lengths", p_chi(seen, want, CELLS));
	geometric(1 / (burst * (1 + 12 / sqrt(n))), n, want, CELLS);
	disagrees("  longer ones", p_chi(seen, want, CELLS));
	n = runs(got, total, false, seen, CELLS);
	geometric(r.burst_enter, n, want, CELLS);
	agrees("  the gaps between them", p_chi(seen, want, CELLS));
	kit_close(&k);
	free(got);
}
END_TEST

/* With 80 % loss inside bursts, what a burst lets through makes two laws of the gaps; the share
 * and the chance that a lost packet's neighbour is lost too follow from the chain. */
START_TEST(bursts_that_let_some_through)
{
	const unsigned total = some(400000);
	double rate = 0.1, loss = 0.8, bad = rate / loss, next = 0, lost = 0;
	struct wire_rule r = burst_rule(rate, 6, loss, 2100);
	double lambda = 1 - r.burst_enter - r.burst_leave;
	double lasting = 2 * loss * loss * bad * (1 - bad) * lambda / (1 - lambda);
	double spread = rate * (1 - rate) + lasting;
	uint8_t *got = xmalloc(total);
	struct kit k;

	stream(&k, &r, total, 1000, got);
	agrees("loss of 10 % in bursts of 6 that lose 80 %: the share",
	       p_normal(((double)k.lost / total - rate) / sqrt(spread / total)));
	for (unsigned i = 0; i + 1 < total; i++) {
		lost += !got[i];
		next += !got[i] && !got[i + 1];
	}
	agrees("  a lost packet's neighbour", p_share(next, lost, (1 - r.burst_leave) * loss));
	kit_close(&k);
	free(got);
}
END_TEST

/* ---- delays ---- */

#define DELAY_N some(50000)
#define MS 1000000.0

static double cdf_uniform(double x, const double *a)
{
	return fmin(1, fmax(0, (x - a[0] + a[1]) / (2 * a[1])));
}

static double cdf_normal(double x, const double *a)
{
	return 0.5 * erfc((a[0] - x) / a[1] / M_SQRT2);
}

static double cdf_exponential(double x, const double *a)
{
	return x < a[0] ? 0 : 1 - exp((a[0] - x) / a[1]);
}

static const struct {
	const char *name;
	enum wire_shape shape;
	double (*cdf)(double x, const double *arg);
} shapes[] = {
	{ "uniform", WIRE_UNIFORM, cdf_uniform },
	{ "normal", WIRE_NORMAL, cdf_normal },
	{ "exponential", WIRE_EXPONENTIAL, cdf_exponential },
};

static struct wire_rule delay_rule(enum wire_shape shape, bool overtake)
{
	struct wire_rule r = kit_rule(WIRE_DELAY, "net.delay", 0, 3000 + (uint64_t)shape);

	r.delay_ns = 50 * NS_PER_MS;
	r.jitter_ns = 8 * NS_PER_MS;
	r.shape = shape;
	r.overtake = overtake;
	return r;
}

/* Free to overtake, each packet's delay is a draw of its own. */
START_TEST(delays)
{
	static const double right[2] = { 50 * MS, 8 * MS }, wrong[2] = { 50 * MS, 8.4 * MS },
			    late[2] = { 50.4 * MS, 8 * MS };
	struct wire_rule r = delay_rule(shapes[_i].shape, true);
	double *x = xcalloc(DELAY_N, sizeof(*x)), p;
	struct kit k;
	char what[64];

	stream(&k, &r, DELAY_N, NS_PER_MS, NULL);
	ck_assert_uint_eq(k.outs_count, DELAY_N);
	for (size_t i = 0; i < k.outs_count; i++)
		x[i] = (double)(k.outs[i].t_ns - (int64_t)k.outs[i].tag * NS_PER_MS);
	snprintf(what, sizeof(what), "delay of 50 ms, %s jitter of 8 ms", shapes[_i].name);
	p = p_ks(x, DELAY_N, shapes[_i].cdf, right);
	agrees(what, p);
	disagrees("jitter of 8.4 ms", p_ks(x, DELAY_N, shapes[_i].cdf, wrong));
	disagrees("delay of 50.4 ms", p_ks(x, DELAY_N, shapes[_i].cdf, late));
	kit_close(&k);
	free(x);
}
END_TEST

/* Kept in order, a packet leaves when its own delay is over and those before it have left: the
 * draws are the same as above, what is on top is only waiting for those in front. */
START_TEST(delays_in_order)
{
	struct wire_rule r = delay_rule(shapes[_i].shape, true);
	int64_t *own = xcalloc(DELAY_N, sizeof(*own)), floor = 0, waited = 0;
	struct kit free_k, k;

	stream(&free_k, &r, DELAY_N, NS_PER_MS, NULL);
	for (size_t i = 0; i < free_k.outs_count; i++)
		own[free_k.outs[i].tag] = free_k.outs[i].t_ns;
	r.overtake = false;
	stream(&k, &r, DELAY_N, NS_PER_MS, NULL);
	ck_assert_uint_eq(k.outs_count, DELAY_N);
	for (uint32_t i = 0; i < DELAY_N; i++) {
		ck_assert_uint_eq(k.outs[i].tag, i);
		waited += own[i] < floor;
		if (own[i] > floor)
			floor = own[i];
		ck_assert_int_eq(k.outs[i].t_ns, floor);
	}
	ck_assert_int_gt(waited, DELAY_N / 10);
	kit_close(&free_k);
	kit_close(&k);
	free(own);
}
END_TEST

START_TEST(delay_without_jitter)
{
	struct wire_rule r = kit_rule(WIRE_DELAY, "net.delay", 0, 3100);
	struct kit k;

	r.delay_ns = 50 * NS_PER_MS;
	stream(&k, &r, DELAY_N, NS_PER_MS, NULL);
	ck_assert_uint_eq(k.outs_count, DELAY_N);
	for (uint32_t i = 0; i < DELAY_N; i++) {
		ck_assert_uint_eq(k.outs[i].tag, i);
		ck_assert_int_eq(k.outs[i].t_ns, (50 + (int64_t)i) * NS_PER_MS);
	}
	kit_close(&k);
}
END_TEST

/* A jitter above the delay: what would be below zero goes at once, the rest keeps its law. */
START_TEST(delay_never_negative)
{
	struct wire_rule r = delay_rule(WIRE_NORMAL, true);
	double at_once = 0;
	struct kit k;

	r.delay_ns = 8 * NS_PER_MS;
	stream(&k, &r, DELAY_N, NS_PER_MS, NULL);
	for (size_t i = 0; i < k.outs_count; i++) {
		int64_t ns = k.outs[i].t_ns - (int64_t)k.outs[i].tag * NS_PER_MS;

		ck_assert_int_ge(ns, 0);
		at_once += ns == 0;
	}
	agrees("delay of 8 ms with a deviation of 8 ms: not delayed", /* beyond one sigma */
	       p_share(at_once, DELAY_N, 0.5 * erfc(1 / M_SQRT2)));
	kit_close(&k);
}
END_TEST

/* ---- order ---- */

/* Held for 20.5 packets' time, a packet is passed by those of the next 20 that are not held. */
START_TEST(reordering)
{
	enum { AHEAD = 20 };
	const unsigned total = some(100000);
	struct wire_rule r = kit_rule(WIRE_DELAY, "net.reorder", 0, 4000);
	double seen[AHEAD + 1] = { 0 }, want[AHEAD + 1], held = 0, p = 0.1;
	uint32_t *place = xcalloc(total, sizeof(*place));
	struct kit k;

	r.chance = p;
	r.delay_ns = AHEAD * NS_PER_MS + NS_PER_MS / 2;
	r.overtake = true;
	stream(&k, &r, total, NS_PER_MS, NULL);
	ck_assert_uint_eq(k.outs_count, total);
	for (uint32_t i = 0; i < total; i++)
		place[k.outs[i].tag] = i;
	for (uint32_t i = 0; i + AHEAD < total; i++) {
		const struct kit_out *o = &k.outs[place[i]];
		unsigned passed = 0;

		if (o->t_ns == (int64_t)i * NS_PER_MS)
			continue;
		ck_assert_int_eq(o->t_ns, (int64_t)i * NS_PER_MS + r.delay_ns);
		for (uint32_t j = i + 1; j <= i + AHEAD; j++)
			passed += place[j] < place[i];
		ck_assert(i + AHEAD + 1 >= total || place[i + AHEAD + 1] > place[i]);
		seen[passed]++;
		held++;
	}
	for (int i = 0; i <= AHEAD; i++)
		want[i] = held * exp(lgamma(AHEAD + 1) - lgamma(i + 1) - lgamma(AHEAD - i + 1) +
				     i * log(1 - p) + (AHEAD - i) * log(p));
	agrees("reordering of 10 %: the share", p_share(held, total - AHEAD, p));
	agrees("  by how many packets each is passed", p_chi(seen, want, AHEAD + 1));
	kit_close(&k);
	free(place);
}
END_TEST

/* ---- copies ---- */

START_TEST(copies)
{
	const unsigned total = some(100000);
	struct wire_rule r = kit_rule(WIRE_DUPLICATE, "net.duplicate", 0, 5000);
	struct kit_out *first = xcalloc(total, sizeof(*first));
	double twice = 0;
	struct kit k;

	r.chance = 0.05;
	r.delay_ns = _i ? 5 * NS_PER_MS : 0;
	stream(&k, &r, total, NS_PER_MS, NULL);
	for (size_t i = 0; i < k.outs_count; i++) {
		struct kit_out *o = &k.outs[i], *f = &first[o->tag];

		if (!f->len) {
			ck_assert_int_eq(o->t_ns, (int64_t)o->tag * NS_PER_MS);
			*f = *o;
			continue;
		}
		ck_assert_uint_eq(f->digest, o->digest);
		ck_assert_int_eq(o->t_ns, f->t_ns + r.delay_ns);
		f->digest = 0; /* a third would not be the same */
		twice++;
	}
	ck_assert_uint_eq(k.outs_count, total + (size_t)twice);
	agrees(_i ? "copies of 5 %, 5 ms later: the share" : "copies of 5 %: the share",
	       p_share(twice, total, r.chance));
	kit_close(&k);
	free(first);
}
END_TEST

/* ---- corruption ---- */

struct spots {
	uint8_t want[256];           /* the packet as it was */
	double at[(SIZE + 8) * 8];   /* first flipped bit, from `from` */
	size_t from;                 /* offset in the packet */
	unsigned run, altered, wrong_sum;
};

/* Which bits differ? They are a run, that may go around the end. */
static void spot(void *arg, const uint8_t *frame, size_t len)
{
	struct spots *s = arg;
	size_t bits = (len - VNET - s->from) * 8, flips = 0, first = 0;
	uint8_t flip[(SIZE + 8) * 8];
	struct packet p;

	packet_parse(&p, (uint8_t *)(uintptr_t)frame + VNET, len - VNET);
	s->wrong_sum += !packet_sum_ok(&p);
	for (size_t i = 0; i < bits; i++) {
		size_t b = s->from + i / 8;

		flip[i] = (frame[VNET + b] ^ s->want[b]) >> (7 - i % 8) & 1;
		flips += flip[i];
	}
	if (!flips)
		return;
	ck_assert_uint_eq(flips, s->run);
	while (!flip[first] || flip[(first + bits - 1) % bits])
		first++;
	for (size_t i = 0; i < flips; i++)
		ck_assert(flip[(first + i) % bits]);
	s->at[first]++;
	s->altered++;
}

static const struct {
	int bits;
	bool fixed;
} corrupt_rows[] = { { 1, false }, { 1, true }, { 8, false }, { 5, true } };

START_TEST(corruption)
{
	const unsigned total = some(200000);
	struct wire_rule r = kit_rule(WIRE_CORRUPT, "net.corrupt", 0, 6000 + (uint64_t)_i);
	bool fixed = corrupt_rows[_i].fixed;
	struct spots s = { .from = fixed ? 28 : 20, .run = (unsigned)corrupt_rows[_i].bits };
	size_t bits = (size_t)(fixed ? SIZE : SIZE + 8) * 8, len;
	double want[(SIZE + 8) * 8];
	uint8_t frame[256];
	struct kit k;
	char what[64];

	r.chance = 0.2;
	r.bits = corrupt_rows[_i].bits;
	r.fix_sum = fixed;
	kit_open(&k);
	k.seen = spot;
	k.arg = &s;
	impair_add(k.im, &r, 0);
	len = kit_udp(frame, 0, 1, 40000, 5000, 7, SIZE);
	memcpy(s.want, frame + VNET, len - VNET);
	for (unsigned i = 0; i < total; i++)
		kit_send(&k, 0, 1, frame, len);
	ck_assert_uint_eq(k.outs_count, total);
	ck_assert_uint_eq(s.wrong_sum, fixed ? 0 : s.altered);
	snprintf(what, sizeof(what), "corruption of 20 %%, %d bits, checksum %s: the share", r.bits,
		 fixed ? "fixed" : "wrong");
	agrees(what, p_share(s.altered, total, r.chance));
	for (size_t i = 0; i < bits; i++)
		want[i] = (double)s.altered / (double)bits;
	agrees("  which bits", p_chi(s.at, want, bits));
	kit_close(&k);
}
END_TEST

/* ---- rates ---- */

static const struct {
	int64_t bytes_per_s, burst, queue;
} rate_rows[] = {
	{ 32000, 3072, 65536 }, { 1250000, 3072, 65536 }, { 125000000, 0, 262144 },
	{ 7777777, 15000, 1 << 17 },
};

/* Twice as much as fits is offered at uneven times. Over every window, what arrives is at most
 * the rate, the burst and one packet; while there is a queue it is the rate less one packet. */
START_TEST(rates)
{
	enum { BYTES = SIZE + 28 };
	const unsigned total = 20000;
	int64_t rate = rate_rows[_i].bytes_per_s, t = 0, from = 0;
	struct wire_rule r = kit_rule(WIRE_RATE, "net.rate", 0, 1);
	double per_s = (double)rate, all;
	uint8_t frame[256];
	struct kit k;

	r.bytes_per_s = rate;
	r.burst_bytes = rate_rows[_i].burst;
	r.queue_bytes = rate_rows[_i].queue;
	kit_open(&k);
	impair_add(k.im, &r, 0);
	for (uint32_t i = 0; i < total; i++) {
		size_t len = kit_udp(frame, 0, 1, 40000, 5000, i, SIZE);

		kit_to(&k, t);
		kit_send(&k, 0, 1, frame, len);
		t += (int64_t)(draw_exp((struct draw){ 9, "gap", 0, i }, BYTES * 1e9 / per_s / 2));
	}
	kit_to(&k, INT64_MAX / 2);
	ck_assert_uint_eq(k.outs_count + k.lost, total);
	ck_assert_uint_gt(k.lost, total / 3);
	for (size_t i = 0, j = 0; i < k.outs_count; i++) {
		const int64_t window = (int64_t)(100.0 * BYTES * 1e9 / per_s);
		double span, bytes;

		while (j + 1 < k.outs_count && k.outs[j + 1].t_ns - k.outs[i].t_ns <= window)
			j++;
		span = (double)(k.outs[j].t_ns - k.outs[i].t_ns) * per_s / 1e9;
		bytes = (double)(j - i + 1) * BYTES;
		ck_assert_double_le(bytes, span + (double)r.burst_bytes + BYTES + 1);
		if (i > total / 8 && j + 1 < k.outs_count) /* the queue has long been full */
			ck_assert_double_ge(bytes, span - BYTES);
	}
	from = k.outs[k.outs_count / 4].t_ns;
	all = (double)(k.outs_count - 1 - k.outs_count / 4) * BYTES /
	      ((double)(k.outs[k.outs_count - 1].t_ns - from) / 1e9);
	printf("# rate of %lld bytes/s: %.6f of it\n", (long long)rate, all / per_s);
	ck_assert_double_eq_tol(all / per_s, 1, 1e-3);
	t += (int64_t)((double)r.queue_bytes * 1e9 / per_s);
	ck_assert_int_le(k.outs[k.outs_count - 1].t_ns, t);
	kit_close(&k);
}
END_TEST

/* ---- several at once ---- */

/* Two rules of the same kind and seed decide apart. */
START_TEST(rules_are_independent)
{
	const unsigned total = some(200000);
	struct wire_rule a = kit_rule(WIRE_DUPLICATE, "net.duplicate", 0, 8),
			 b = kit_rule(WIRE_CORRUPT, "net.corrupt", 1, 8);
	double seen[4] = { 0 }, want[4] = { total / 4.0, total / 4.0, total / 4.0, total / 4.0 };
	uint8_t frame[256];
	struct kit k;

	a.chance = b.chance = 0.5;
	b.bits = 1;
	kit_open(&k);
	impair_add(k.im, &a, 0);
	impair_add(k.im, &b, 0);
	for (uint32_t i = 0; i < total; i++) {
		size_t len = kit_udp(frame, 0, 1, 40000, 5000, i, SIZE), before = k.outs_count;

		kit_send(&k, 0, 1, frame, len);
		seen[2 * (k.outs_count == before + 2) + !k.outs[before].sum_ok]++;
	}
	agrees("a copy and corruption, of half of the packets each", p_chi(seen, want, 4));
	kit_close(&k);
}
END_TEST

#define ROWS(x) ((int)(sizeof(x) / sizeof((x)[0])))

int main(void)
{
	Suite *s = suite_create("wire_stats");
	TCase *tc = tcase_create("stats");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_p_values_themselves);
	tcase_add_loop_test(tc, loss_rate, 0, ROWS(loss_rates));
	tcase_add_test(tc, loss_everywhere_alike);
	tcase_add_loop_test(tc, bursts, 0, ROWS(burst_rows));
	tcase_add_test(tc, bursts_that_let_some_through);
	tcase_add_loop_test(tc, delays, 0, ROWS(shapes));
	tcase_add_loop_test(tc, delays_in_order, 0, ROWS(shapes));
	tcase_add_test(tc, delay_without_jitter);
	tcase_add_test(tc, delay_never_negative);
	tcase_add_test(tc, reordering);
	tcase_add_loop_test(tc, copies, 0, 2);
	tcase_add_loop_test(tc, corruption, 0, ROWS(corrupt_rows));
	tcase_add_loop_test(tc, rates, 0, ROWS(rate_rows));
	tcase_add_test(tc, rules_are_independent);
	suite_add_tcase(s, tc);
	return suite_main(s);
}
