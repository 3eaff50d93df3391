/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregates.json, written and read from the same rows. Lists of windows are
 * objects; what a lane or a node has by window is a list of numbers, one for
 * each window. Everything that is read is bounded by the arrays it goes into.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "explore/store.h"
#include "report/fields.h"
#include "report/series.h"
#include "report/summary.h"

#define ROWS(a) a, ARRAY_SIZE(a)
#define W(f) FIELD(I64, window, f)
static const struct field window_rows[] = {
	W(arrived),	W(ok),	       W(refused),   W(unknown),   W(left),	    W(missed),
	W(queue_milli), W(till_milli), W(queue_p50), W(queue_p95), W(checkout_p50), W(checkout_p95),
};
static const struct field band_rows[] = {FIELD(I64, band, fault), FIELD(I64, band, from_ns),
					 FIELD(I64, band, to_ns)};
static const struct field hit_rows[] = {FIELD(I64, hits, fault), FIELD(I64, hits, window),
					FIELD(I64, hits, count), FIELD(I64, hits, first_ns),
					FIELD(TEXT, hits, did)};
static const struct field mark_rows[] = {FIELD(I64, mark_at, kind), FIELD(I64, mark_at, t_ns),
					 FIELD(TEXT, mark_at, what), FIELD(TEXT, mark_at, did)};
#define P(f) FIELD(I64, phase_times, f)
static const struct field phase_rows[] = {P(sales), P(p50), P(p95), P(p99), P(max), P(queue_p95)};
#define H(f) FIELD(I64, latency, f)
static const struct field latency_rows[] = {H(count), H(p50),  H(p90), H(p95),
					    H(p99),   H(p999), H(max)};
#define R(t, f) FIELD(t, reconciled, f)
static const struct field sale_rows[] = {
	R(TEXT, key),	    R(TEXT, lane),	  R(TEXT, told), R(I64, what),	 R(I64, t_ns),
	R(I64, told_total), R(I64, booked_total), R(I64, books), R(I64, net),	 R(I64, hold),
	R(I64, charges),    R(I64, papers),	  R(I64, torn),	 R(I64, pulses), R(TEXT, resolved),
};
#define C(f) FIELD(I64, series, f)
static const struct field series_rows[] = {C(width_ns), C(end_ns), C(hits_cut), C(marks_cut),
					   C(lanes_cut)};

/* A list of numbers, one a window. */
struct column {
	const char *name;
	size_t offset;
};
static const struct column lane_columns[] = {
	{"ok", offsetof(struct lane_series, ok)},
	{"unknown", offsetof(struct lane_series, unknown)},
	{"refused", offsetof(struct lane_series, refused)},
	{"busy_milli", offsetof(struct lane_series, busy_milli)},
};
static const struct column node_columns[] = {
	{"cpu_milli", offsetof(struct node_series, cpu_milli)},
	{"memory", offsetof(struct node_series, memory)},
	{"files", offsetof(struct node_series, files)},
	{"disk_ns", offsetof(struct node_series, disk_ns)},
	{"again", offsetof(struct node_series, again)},
};

/* ---- writing ---- */

static void write_list(struct json_out *o, const char *name, const struct field *f, size_t n,
		       const void *at, size_t size, size_t count)
{
	size_t i;

	json_arr(o, name);
	for (i = 0; i < count; i++) {
		struct buf b = {0};
		struct json_out flat = {.buf = &b};

		json_obj(&flat, NULL);
		fields_write(&flat, f, n, (const char *)at + i * size);
		json_obj_end(&flat);
		json_raw(o, NULL, b.data);
		buf_done(&b);
	}
	json_arr_end(o);
}

static void write_numbers(struct json_out *o, const char *name, const int64_t *at, size_t n)
{
	struct buf b = {0};
	size_t i;

	for (i = 0; i < n; i++) {
		buf_addc(&b, i ? ',' : '[');
		buf_addi64(&b, at[i]);
	}
	buf_adds(&b, n ? "]" : "[]");
	json_raw(o, name, b.data);
	buf_done(&b);
}

static void write_columns(struct json_out *o, const char *name, const struct column *c, size_t n,
			  const void *at, size_t windows)
{
	size_t i;

	json_obj(o, NULL);
	json_str(o, "name", name);
	for (i = 0; i < n; i++)
		write_numbers(o, c[i].name, (const void *)((const char *)at + c[i].offset),
			      windows);
	json_obj_end(o);
}

static void write_latency(struct json_out *o, const char *name, const struct latency *h)
{
	json_obj(o, name);
	fields_write(o, ROWS(latency_rows), h);
	write_numbers(o, "bins", h->bin, SERIES_BINS);
	json_obj_end(o);
}

static void write_good(struct json_out *o, const struct good_series *g)
{
	json_obj(o, "good_day");
	json_i64(o, "width_ns", g->width_ns);
	write_list(o, "windows", ROWS(window_rows), g->window, sizeof(*g->window), g->windows);
	write_latency(o, "corrected", &g->corrected);
	json_obj_end(o);
}

static void write_rows(struct json_out *o, const struct series *sr)
{
	size_t i;

	json_arr(o, "lanes");
	for (i = 0; i < sr->lanes; i++)
		write_columns(o, sr->lane[i].name, ROWS(lane_columns), &sr->lane[i], sr->windows);
	json_arr_end(o);
	json_arr(o, "nodes");
	for (i = 0; i < sr->nodes; i++)
		write_columns(o, sr->node[i].name, ROWS(node_columns), &sr->node[i], sr->windows);
	json_arr_end(o);
}

static void write_head(struct json_out *o, const struct summary *s)
{
	json_i64(o, "format", SERIES_FORMAT);
	json_str(o, "experiment", s->experiment);
	json_i64(o, "seed", s->seed);
	json_i64(o, "pace_milli", s->pace_milli);
	json_f64(o, "rate_per_s", s->rate);
	json_i64(o, "checkout_p95_ns", s->p95_ns);
	json_i64(o, "wall_ns", s->wall_ns);
	json_i64(o, "own_ns", s->own_ns);
}

void series_json(const struct series *sr, const struct summary *s, struct buf *out)
{
	struct json_out o = {.buf = out, .pretty = true};

	json_obj(&o, NULL);
	write_head(&o, s);
	fields_write(&o, ROWS(series_rows), sr);
	write_list(&o, "windows", ROWS(window_rows), sr->window, sizeof(*sr->window), sr->windows);
	write_list(&o, "faults", ROWS(band_rows), sr->band, sizeof(*sr->band), sr->bands);
	write_list(&o, "hits", ROWS(hit_rows), sr->hit, sizeof(*sr->hit), sr->hits);
	write_list(&o, "marks", ROWS(mark_rows), sr->mark, sizeof(*sr->mark), sr->marks);
	write_list(&o, "phases", ROWS(phase_rows), sr->phase, sizeof(*sr->phase), SERIES_PHASES);
	write_rows(&o, sr);
	write_latency(&o, "corrected", &sr->corrected);
	write_latency(&o, "uncorrected", &sr->uncorrected);
	if (sr->has_good)
		write_good(&o, &sr->good);
	if (sr->has_sales)
		write_list(&o, "sales", ROWS(sale_rows), sr->sales.at, sizeof(*sr->sales.at),
			   sr->sales.count);
	summary_json_links(s, &o);
	json_obj_end(&o);
	buf_addc(out, '\n');
}

/* ---- reading ---- */

static size_t read_list(const struct json_val *root, const char *name, const struct field *f,
			size_t n, void *at, size_t size, size_t max)
{
	struct json_val list = json_get(root, name), key, v;
	struct json_iter it;
	size_t count = 0;

	if (list.type != JSON_ARRAY)
		return 0;
	json_iter_init(&it, &list);
	while (count < max && json_next(&it, &key, &v))
		fields_read(&v, f, n, (char *)at + count++ * size);
	return count;
}

static void read_numbers(const struct json_val *root, const char *name, int64_t *to, size_t max)
{
	struct json_val list = json_get(root, name), key, v;
	struct json_iter it;
	size_t i = 0;

	if (list.type != JSON_ARRAY)
		return;
	json_iter_init(&it, &list);
	while (i < max && json_next(&it, &key, &v))
		if (v.type != JSON_NUMBER || json_int64(&v, &to[i++]) < 0)
			return;
}

static void read_columns(const struct json_val *v, const struct column *c, size_t n, char *name,
			 void *at)
{
	static const struct field name_row[] = {{"name", FIELD_TEXT, 0, SERIES_NAME, NULL}};
	size_t i;

	fields_read(v, ROWS(name_row), name);
	for (i = 0; i < n; i++)
		read_numbers(v, c[i].name, (void *)((char *)at + c[i].offset), SERIES_WINDOWS_MAX);
}

static size_t read_rows(const struct json_val *root, const char *name, const struct column *c,
			size_t n, void *at, size_t size, size_t max)
{
	struct json_val list = json_get(root, name), key, v;
	struct json_iter it;
	size_t count = 0;

	if (list.type != JSON_ARRAY)
		return 0;
	json_iter_init(&it, &list);
	while (count < max && json_next(&it, &key, &v)) {
		char *row = (char *)at + count++ * size;

		read_columns(&v, c, n, row, row); /* its name comes first in it */
	}
	return count;
}
_Static_assert(offsetof(struct lane_series, name) == 0, "read_rows");
_Static_assert(offsetof(struct node_series, name) == 0, "read_rows");

static void read_latency(const struct json_val *root, const char *name, struct latency *to)
{
	struct json_val v = json_get(root, name);

	fields_read(&v, ROWS(latency_rows), to);
	read_numbers(&v, "bins", to->bin, SERIES_BINS);
}

static void read_good(const struct json_val *root, struct good_series *g)
{
	struct json_val v = json_get(root, "width_ns");

	if (v.type == JSON_NUMBER)
		json_int64(&v, &g->width_ns);
	g->windows = read_list(root, "windows", ROWS(window_rows), g->window, sizeof(*g->window),
			       SERIES_WINDOWS_MAX);
	read_latency(root, "corrected", &g->corrected);
}

/* Is every number one that charts can be drawn from? Who edits the file gets the ledgers' page. */
static bool sane(const struct series *sr)
{
	size_t i;

	if (sr->width_ns <= 0 || !sr->windows || sr->end_ns < 0)
		return false;
	for (i = 0; i < sr->hits; i++)
		if (sr->hit[i].window < 0 || sr->hit[i].window >= (int64_t)sr->windows)
			return false;
	for (i = 0; i < sr->marks; i++)
		if (sr->mark[i].kind < 0 || sr->mark[i].kind >= EVENT_KINDS)
			return false;
	return !sr->has_good || sr->good.width_ns > 0;
}

static void read_all(struct series *sr, const struct json_val *root)
{
	struct json_val good = json_get(root, "good_day");

	fields_read(root, ROWS(series_rows), sr);
	sr->windows = read_list(root, "windows", ROWS(window_rows), sr->window, sizeof(*sr->window),
				SERIES_WINDOWS_MAX);
	sr->bands = read_list(root, "faults", ROWS(band_rows), sr->band, sizeof(*sr->band),
			      SERIES_BANDS_MAX);
	sr->hits =
		read_list(root, "hits", ROWS(hit_rows), sr->hit, sizeof(*sr->hit), SERIES_HITS_MAX);
	sr->marks = read_list(root, "marks", ROWS(mark_rows), sr->mark, sizeof(*sr->mark),
			      SERIES_MARKS_MAX);
	read_list(root, "phases", ROWS(phase_rows), sr->phase, sizeof(*sr->phase), SERIES_PHASES);
	sr->lanes = read_rows(root, "lanes", ROWS(lane_columns), sr->lane, sizeof(*sr->lane),
			      SERIES_LANES_MAX);
	sr->nodes = read_rows(root, "nodes", ROWS(node_columns), sr->node, sizeof(*sr->node),
			      SERIES_NODES_MAX);
	read_latency(root, "corrected", &sr->corrected);
	read_latency(root, "uncorrected", &sr->uncorrected);
	sr->has_good = good.type == JSON_OBJECT;
	if (sr->has_good)
		read_good(&good, &sr->good);
	sr->has_sales = json_get(root, "sales").type == JSON_ARRAY;
	sr->sales.count = read_list(root, "sales", ROWS(sale_rows), sr->sales.at,
				    sizeof(*sr->sales.at), RECONCILED_MAX);
}

static int read_file(struct series **ret, const char *dir, const char *file, struct err *e)
{
	struct json_val root, format;
	int64_t number = 0;
	size_t len;
	cleanup_free char *text = store_read(dir, file, &len, e);
	struct series *sr;

	*ret = NULL;
	if (!text)
		return -EPROTO;
	if (json_parse(text, len, &root, e) < 0)
		return err_set(e, EPROTO, "%s/%s is damaged", dir, file);
	format = json_get(&root, "format");
	if (format.type == JSON_NUMBER)
		json_int64(&format, &number);
	if (number != SERIES_FORMAT)
		return err_set(e, EPROTO, "%s/%s is of another version", dir, file);
	sr = xcalloc(1, sizeof(*sr));
	read_all(sr, &root);
	if (!sane(sr)) {
		series_free(sr);
		return err_set(e, EPROTO, "%s/%s makes no sense", dir, file);
	}
	*ret = sr;
	return 0;
}

int series_read(struct series **ret, const char *dir, struct err *e)
{
	return read_file(ret, dir, AGGREGATES_FILE, e);
}

void series_good(struct series *sr, const char *dir, const char *file)
{
	struct series *from;
	struct err e = {0};

	if (read_file(&from, dir, file, &e) < 0)
		return;
	sr->has_good = true;
	sr->good.width_ns = from->width_ns;
	sr->good.windows = from->windows;
	memcpy(sr->good.window, from->window, sizeof(from->window));
	sr->good.corrected = from->corrected;
	series_free(from);
}

/* ---- nodes.ndjson ---- */

struct node_sample {
	char name[SERIES_NAME];
	int64_t t_ns, cpu_ns, memory, files, again, disk_ops, disk_ns;
};
#define N(t, f) FIELD(t, node_sample, f)
static const struct field sample_rows[] = {
	N(TEXT, name), N(I64, t_ns),  N(I64, cpu_ns),	N(I64, memory),
	N(I64, files), N(I64, again), N(I64, disk_ops), N(I64, disk_ns),
};

struct node_sum { /* of one node, by window */
	struct node_sample last;
	bool seen;
	int64_t cpu[SERIES_WINDOWS_MAX], time[SERIES_WINDOWS_MAX], ops[SERIES_WINDOWS_MAX];
};

static struct node_series *node_of(struct series *sr, const char *name)
{
	struct node_series *n;
	size_t i, k;

	for (i = 0; i < sr->nodes; i++)
		if (!strcmp(sr->node[i].name, name))
			return &sr->node[i];
	if (sr->nodes == SERIES_NODES_MAX)
		return NULL;
	n = &sr->node[sr->nodes++];
	snprintf(n->name, sizeof(n->name), "%s", name);
	for (k = 0; k < SERIES_WINDOWS_MAX; k++)
		n->cpu_milli[k] = n->memory[k] = n->files[k] = n->disk_ns[k] = n->again[k] = -1;
	return n;
}

static void most(int64_t *to, int64_t v)
{
	*to = v > *to ? v : *to;
}

static void more(int64_t *to, int64_t v)
{
	*to = (*to < 0 ? 0 : *to) + (v > 0 ? v : 0);
}

/* What went on before opening is how services start, and would dwarf the rest. */
static void sample_add(struct series *sr, struct node_series *n, struct node_sum *sum,
		       const struct node_sample *now, int64_t open_ns)
{
	const struct node_sample *last = &sum->last;
	int64_t t = now->t_ns - open_ns, w = t / sr->width_ns;

	if (sum->seen && now->t_ns > last->t_ns && last->t_ns >= open_ns &&
	    w < (int64_t)sr->windows) {
		sum->time[w] += now->t_ns - last->t_ns;
		more(&sum->cpu[w], now->cpu_ns - last->cpu_ns);
		more(&n->again[w], now->again - last->again);
		more(&sum->ops[w], now->disk_ops - last->disk_ops);
		more(&n->disk_ns[w], now->disk_ns - last->disk_ns);
		most(&n->memory[w], now->memory);
		most(&n->files[w], now->files);
	}
	sum->last = *now;
	sum->seen = true;
}

static void samples_end(struct series *sr, const struct node_sum *sums)
{
	size_t i, w;

	for (i = 0; i < sr->nodes; i++)
		for (w = 0; w < sr->windows; w++) {
			struct node_series *n = &sr->node[i];

			n->cpu_milli[w] =
				sums[i].time[w] ? sums[i].cpu[w] * 1000 / sums[i].time[w] : -1;
			n->disk_ns[w] = sums[i].ops[w] ? n->disk_ns[w] / sums[i].ops[w] : -1;
		}
}

void series_nodes(struct series *sr, const char *dir, int64_t open_ns)
{
	cleanup_free struct node_sum *sums = xcalloc(SERIES_NODES_MAX, sizeof(*sums));
	size_t len;
	cleanup_free char *text = store_read(dir, "nodes.ndjson", &len, NULL);
	char *save = NULL;

	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		struct node_sample now = {0};
		struct node_series *n;
		struct json_val root;

		if (json_parse(l, strlen(l), &root, NULL) < 0)
			continue;
		fields_read(&root, ROWS(sample_rows), &now);
		n = now.name[0] ? node_of(sr, now.name) : NULL;
		if (n)
			sample_add(sr, n, &sums[n - sr->node], &now, open_ns);
	}
	samples_end(sr, sums);
}
