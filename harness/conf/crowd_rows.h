/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_CONF_CROWD_ROWS_H
#define WD_CONF_CROWD_ROWS_H

/* How the shop's day is written in `shoppers:`; private to conf/. */
#include "conf/experiment.h"

/* OPT_CUSTOM parsers; field is the struct arrivals, sizes, patience, hours */
int arrivals_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
int sizes_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
int patience_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);
int hours_parse(const struct yaml_node *n, const char *path, void *field, struct diag *diag);

/** shoppers_check - rules that span keys; @tree: of the whole file. */
void shoppers_check(struct shoppers *s, const struct yaml_node *tree, struct diag *diag);

/** preset_names - the choices of `like:`; ends with NULL. */
extern const struct opt_value preset_names[];
/** preset_apply - put into the tree what the preset of shoppers.like says and the file does not. */
void preset_apply(struct yaml_node **tree, struct diag *diag);

#endif
