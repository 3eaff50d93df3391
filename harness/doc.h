/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WD_DOC_H
#define WD_DOC_H

/* What is written about worstday, drawn from its own tables: see `worstday doc`. */
#include "cmd.h"

struct buf;
/** doc_man - the manual page worstday(1). */
void doc_man(struct buf *out);
/** doc_reference - every fault, check and key with its options and an example, as Markdown. */
void doc_reference(struct buf *out);
/** doc_bash, doc_zsh - completion for these shells. */
void doc_bash(struct buf *out);
void doc_zsh(struct buf *out);

#endif
