/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_SCHEMA_H
#define WD_CONF_SCHEMA_H

/* The files that people write as JSON Schema, for editors: drawn from the option tables. */
#include "conf/experiment.h"

struct buf;
/**
 * schema_experiment, schema_target - append the JSON Schema (draft 7, which editors know best) of
 * an experiment or a target file. It knows keys, types, units and which keys must be there. What
 * spans several keys or another file is known to the loader alone, and so are the bounds of values
 * that carry a unit: what the schema accepts may still be wrong, what it refuses is wrong.
 */
void schema_experiment(const struct conf_catalog *cat, struct buf *out);
void schema_target(struct buf *out);

#endif
