/* SPDX-License-Identifier: Apache-2.0 */
/* Stories in verdict.json, both ways. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"
#include "report/fields.h"
#include "report/summary.h"
#include "report/summary_rows.h"

#define LINES_MAX 4096 /* that are read back: a damaged file shall not eat the memory */

static void write_line(struct json_out *o, const struct story_line *l)
{
	json_obj(o, NULL);
	if (l->t_ns == STORY_AFTER)
		json_null(o, "t_ns");
	else
		json_i64(o, "t_ns", l->t_ns);
	json_str(o, "from", actor_names[l->from]);
	json_str(o, "to", actor_names[l->to]);
	json_i64(o, "fault", l->fault);
	fields_write(o, ALL_OF(line_rows), l);
	json_obj_end(o);
}

void stories_write(struct json_out *o, const struct summary *s)
{
	size_t i, k;

	json_arr(o, "stories");
	for (i = 0; i < s->stories_count; i++) {
		const struct sum_story *at = &s->stories[i];

		json_obj(o, NULL);
		fields_write(o, ALL_OF(story_head_rows), at);
		fields_write(o, ALL_OF(story_rows), &at->s);
		json_arr(o, "lines");
		for (k = 0; k < at->s.count; k++)
			write_line(o, &at->s.at[k]);
		json_arr_end(o);
		json_obj_end(o);
	}
	json_arr_end(o);
}

static int read_actor(const struct json_val *line, const char *name)
{
	struct json_val v = json_get(line, name);
	int i;

	for (i = 0; i < ACTORS_COUNT; i++) {
		if (v.type == JSON_STRING && json_key_is(&v, actor_names[i]))
			return i;
	}
	return ACTOR_WORLD;
}

static void read_line(const struct json_val *v, struct story_line *l)
{
	struct json_val t = json_get(v, "t_ns"), fault = json_get(v, "fault");
	int64_t n = -1;

	fields_read(v, ALL_OF(line_rows), l);
	if (!l->text)
		l->text = xstrdup("");
	l->from = read_actor(v, "from");
	l->to = read_actor(v, "to");
	if (t.type != JSON_NUMBER || json_int64(&t, &l->t_ns) < 0)
		l->t_ns = STORY_AFTER;
	if (fault.type == JSON_NUMBER && json_int64(&fault, &n) == 0 && n >= 0 && n < 1 << 20)
		l->fault = (int)n;
	else
		l->fault = -1;
}

static void read_lines(const struct json_val *story, struct story *s)
{
	struct json_val list = json_get(story, "lines"), key, v;
	struct json_iter it;

	if (list.type != JSON_ARRAY)
		return;
	json_iter_init(&it, &list);
	while (s->count < LINES_MAX && json_next(&it, &key, &v)) {
		s->at = xrealloc(s->at, (s->count + 1) * sizeof(*s->at));
		s->at[s->count] = (struct story_line){.order = s->count};
		read_line(&v, &s->at[s->count++]);
	}
}

void stories_read(struct summary *s, const struct json_val *root)
{
	struct json_val list = json_get(root, "stories"), key, v;
	struct json_iter it;

	if (list.type != JSON_ARRAY)
		return;
	s->stories = xcalloc(STORIES_MAX, sizeof(*s->stories));
	json_iter_init(&it, &list);
	while (s->stories_count < STORIES_MAX && json_next(&it, &key, &v)) {
		struct sum_story *to = &s->stories[s->stories_count++];

		fields_read(&v, ALL_OF(story_head_rows), to);
		fields_read(&v, ALL_OF(story_rows), &to->s);
		read_lines(&v, &to->s);
	}
}

void stories_done(struct summary *s)
{
	size_t i;

	for (i = 0; i < s->stories_count; i++) {
		fields_free(ALL_OF(story_head_rows), &s->stories[i]);
		story_done(&s->stories[i].s);
	}
	free(s->stories);
}
